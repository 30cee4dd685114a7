"""The detector of leftovers, tried with leftovers that were planted: it reports each, and by its name."""

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crash.installation import Installation
from tests.crash.leftovers import Bucket, Directory, leftovers, rows
from tests.crash.wire import settled_leftovers

OBJECT = "documents/user_1/2026/11/21/planted.vlt"
PART = f"documents/user_1/2026/11/21/.{'0' * 32}.part"
ROW, FAR = "00000000000040008000000000000000", "2099-01-01 00:00:00+00:00"
SEALED = {
    "storage_type": "local", "storage_path": OBJECT, "filename": "a", "content_type": "a/b", "size": 0,
    "sealed_size": 0, "digest": "", "envelope_core": b"", "key_block": b"", "sealed_digest": b"", "kek_id": "",
    "recipients": "",
}  # fmt: skip


def run_sql(database_url: str, statement: str, values: tuple[Any, ...] = ()) -> None:
    """Change rows as somebody would who is not the vault."""
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), timeout=20)) as connection, connection:
            connection.execute(statement.replace("%s", "?"), values)
    else:
        with psycopg.connect(database_url) as server:
            server.execute(os.fsencode(statement), values)


@contextmanager
def planted_row(installation: Installation, table: str, **values: object) -> Iterator[None]:
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    run_sql(installation.database_url, f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(values.values()))  # noqa: S608  # names of the tests' own
    try:
        yield
    finally:
        run_sql(installation.database_url, f"DELETE FROM {table} WHERE storage_path = %s", (OBJECT,))  # noqa: S608


@contextmanager
def planted_staged_row(installation: Installation, state: str) -> Iterator[None]:
    values = {"id": ROW, "document_id": ROW, "owner_id": None, "title": "", "state": state, "fence": 1}
    with planted_row(installation, "documents_stagedattachment", **values, created_at=FAR, expires_at=FAR, **SEALED):
        yield


@contextmanager
def planted_document(installation: Installation) -> Iterator[None]:
    url, columns = installation.database_url, "(id, owner_id, title, attributes, created_at, updated_at)"
    run_sql(url, f"INSERT INTO documents_document {columns} VALUES (%s, NULL, 'a', '{{}}', %s, %s)", (ROW, FAR, FAR))  # noqa: S608
    version = {"id": ROW, "document_id": ROW, "version": 1, "created_at": FAR}
    try:
        with planted_row(installation, "documents_attachment", **version, **SEALED):
            yield
    finally:
        run_sql(url, "DELETE FROM documents_document WHERE id = %s", (ROW,))


@contextmanager
def planted_object(installation: Installation) -> Iterator[None]:
    store = installation.store
    if isinstance(store, Bucket):
        store.client.put_object(Bucket=store.name, Key=OBJECT, Body=b"nobody's")
        try:
            yield
        finally:
            store.client.delete_object(Bucket=store.name, Key=OBJECT)
    else:
        with planted_file(installation, OBJECT):
            yield


@contextmanager
def planted_write(installation: Installation) -> Iterator[str]:
    """What a killed writer leaves, by the name that the detector must give it."""
    store = installation.store
    if isinstance(store, Bucket):
        upload = store.client.create_multipart_upload(Bucket=store.name, Key=OBJECT)["UploadId"]
        try:
            yield OBJECT
        finally:
            store.client.abort_multipart_upload(Bucket=store.name, Key=OBJECT, UploadId=upload)
    else:
        with planted_file(installation, PART):
            yield PART


@contextmanager
def planted_file(installation: Installation, name: str) -> Iterator[None]:
    assert isinstance(installation.store, Directory)
    path: Path = installation.store.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"nobody's")
    try:
        yield
    finally:
        path.unlink()


@pytest.fixture(autouse=True)
def nothing_is_left_before_and_after(installation: Installation) -> Iterator[None]:
    assert leftovers(installation.database_url, installation.store) == {}
    yield
    assert leftovers(installation.database_url, installation.store) == {}


def reported(installation: Installation) -> dict[str, set[str]]:
    """What both detectors say, which must be the same."""
    found = leftovers(installation.database_url, installation.store)
    assert settled_leftovers(installation, seconds=0.2) == found
    return found


def test_an_orphan_object_is_reported(installation: Installation) -> None:
    with planted_object(installation):
        assert reported(installation) == {"orphan objects": {OBJECT}}


def test_an_unfinished_write_is_reported(installation: Installation) -> None:
    with planted_write(installation) as name:
        assert reported(installation) == {"unfinished writes": {name}}


@pytest.mark.parametrize("state", ["receiving", "staged"])
def test_a_stale_staged_row_is_reported(installation: Installation, state: str) -> None:
    with planted_staged_row(installation, state):
        assert reported(installation) == {"staged rows": {f"{staged_id(installation)}: {state}"}}
        with planted_object(installation):
            assert set(reported(installation)) == {"staged rows", "orphan objects"}, "a staged row excuses no object"


def test_a_discarded_row_is_excused_until_the_sweep_and_no_longer(installation: Installation) -> None:
    with planted_staged_row(installation, "discarded"):
        assert settled_leftovers(installation, seconds=0.2) == {}
        row = {f"{staged_id(installation)}: discarded"}
        assert leftovers(installation.database_url, installation.store) == {"staged rows": row}


def test_a_removal_that_nobody_did_is_reported(installation: Installation) -> None:
    note = {"storage_type": "local", "storage_path": OBJECT, "attachment_id": ROW, "requested_at": FAR}
    with planted_row(installation, "documents_objectremoval", **note, attempts=0, last_error="", with_sidecars=True):
        assert reported(installation) == {"removals": {OBJECT}}


def test_sweeping_hides_nothing_that_it_did_not_remove(installation: Installation) -> None:
    """No row tells of the object and no lease of the row is over: the sweeps leave both, and the detector says so."""
    with planted_object(installation), planted_staged_row(installation, "staged"):
        left = installation.leftovers_after_grace(seconds=0.1)
        assert set(left) == {"orphan objects", "staged rows"}


def test_a_document_without_its_object_is_reported(installation: Installation) -> None:
    with planted_document(installation):
        assert reported(installation) == {"missing objects": {OBJECT}}
        with planted_object(installation):
            assert reported(installation) == {}


def staged_id(installation: Installation) -> str:
    [(found,)] = rows(installation.database_url, "SELECT id FROM documents_stagedattachment")
    assert uuid.UUID(str(found)) == uuid.UUID(ROW)
    return str(found)
