"""A migration killed at every named place and at random, with people at work: nothing lost, nothing doubled."""

import json
import os
import random
import signal
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from documents.failpoints import NAMES
from tests.crash.client import API, Person
from tests.crash.installation import GRACE, Installation, embedded_installation, servers_installation
from tests.crash.leftovers import Bucket, Directory, Store, rows
from tests.crash.processes import Web, web_server
from tests.services.s3_server import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Seconds, so that a test can wait for them.
SHORT = {**GRACE, "VAULT_MIGRATION_GRACE": "1", "VAULT_MIGRATION_LEASE": "1"}
MIGRATE = "migrate_documents_to_storage"
# Those of its report are visited by the tests of reports.
NAMED = [name for name in NAMES if name.startswith("migrate.") and not name.startswith("migrate.report-")]


@dataclass(frozen=True)
class Moving:
    """A vault whose documents are in the store called ``here``, and can be moved to ``there``."""

    vault: Installation
    here: str
    there: str
    stores: dict[str, Store]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Installation]:
    """Documents on the local disk, and another directory that they can be moved to."""
    (tmp_path / "stores.toml").write_text(f'[stores.archive]\ntype = "local"\npath = "{tmp_path / "archive"}"\n')
    with embedded_installation(tmp_path, **SHORT, VAULT_STORAGE_FILE=str(tmp_path / "stores.toml")) as installation:
        yield installation


@pytest.fixture
def servers_vault(
    tmp_path: Path, postgres_url: str, s3_server: S3Server, s3_client: "S3Client", s3_bucket: str
) -> Iterator[Installation]:
    """PostgreSQL, documents in S3, and the local disk that they can be moved to."""
    bucket = Bucket(s3_client, s3_bucket)
    with servers_installation(tmp_path, postgres_url=postgres_url, s3=s3_server, bucket=bucket, **SHORT) as found:
        yield found


@pytest.fixture(params=["embedded", "servers"])
def moving(request: pytest.FixtureRequest, tmp_path: Path) -> Moving:
    disk = Directory(tmp_path / "data" / "storage")
    if request.param == "embedded":
        archive = Directory(tmp_path / "archive")
        return Moving(request.getfixturevalue("vault"), "local", "archive", {"local": disk, "archive": archive})
    found: Installation = request.getfixturevalue("servers_vault")
    return Moving(found, "s3", "local", {"s3": found.store, "local": disk})


def migrate(vault: Installation, *arguments: str, failpoint: str = "") -> tuple[int | None, str]:
    """Run the command to its end, good or bad. Returns its exit status and all that it wrote."""
    process = vault.processes.start(
        "manage", arguments=[MIGRATE, *arguments], environment={"VAULT_FAILPOINT": failpoint}
    )
    return process.wait(120), process.log.read_text()


def upload_some(vault: Installation, count: int) -> None:
    with web_server(vault.processes) as web, vault.person.client(web.url) as client:
        for number in range(count):
            vault.person.upload(client, f"document {number}".encode() * (number * 500))


def assert_everything_reads(vault: Installation) -> None:
    with web_server(vault.processes) as web, vault.person.client(web.url) as client:
        assert vault.person.listed(client) == set(vault.person.acknowledged)
        for document, digest in vault.person.acknowledged.items():
            assert vault.person.digest_of_stored(client, document) == digest


def assert_nothing_unfinished(vault: Installation, store: Store) -> None:
    """What a killed writer left is swept once it is a second old."""
    deadline = time.monotonic() + 30
    while store.unfinished() and time.monotonic() < deadline:
        vault.processes.run("task", names=["sweep_unfinished"])
    assert store.unfinished() == set()


def end_leases(vault: Installation) -> None:
    """As if the lease of a killed worker were over."""
    change_rows(vault, "UPDATE migrations_tools_migrationitem SET lease_until = '2000-01-01 00:00:00Z'")
    change_rows(
        vault,
        "UPDATE migrations_tools_migrationitem SET finished_at = '2000-01-01 00:00:00Z' WHERE finished_at IS NOT NULL",
    )


def change_rows(vault: Installation, statement: str) -> None:
    if vault.database_url.startswith("sqlite"):
        path = vault.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=20)) as database, database:
            database.execute(statement.replace("00Z'", "00'"))
    else:
        with psycopg.connect(vault.database_url) as server:
            server.execute(os.fsencode(statement))


def objects_of_rows(vault: Installation) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for store, key in rows(vault.database_url, "SELECT storage_type, storage_path FROM documents_attachment"):
        found[store].add(key)
    return found


def test_a_migration_killed_at_any_failpoint_goes_on_and_loses_nothing(moving: Moving) -> None:
    vault = moving.vault
    upload_some(vault, 6)
    there, other = moving.there, moving.here
    for name in NAMED:
        purges = name in ("migrate.purge-marked", "migrate.source-deleted")
        copy, purge = (there, "--inline"), (there, "--purge-source", "--no-input", "--inline")
        kill_and_resume(vault, copy, failpoint="" if purges else name)
        told = kill_and_resume(vault, purge, failpoint=name if purges else "")
        # An independent look at both stores: every object of a row and nothing else.
        held = {store: {key for key in moving.stores[store].objects() if is_ours(key)} for store in moving.stores}
        assert held == {there: objects_of_rows(vault)[there], other: set()}, f"{name}: {told}"
        assert len(held[there]) == 6
        assert_nothing_unfinished(vault, moving.stores[there])
        there, other = other, there
    assert_everything_reads(vault)


def kill_and_resume(vault: Installation, arguments: tuple[str, ...], *, failpoint: str) -> str:
    """Run the command to its good end, with a kill before it or without. Returns what it wrote last."""
    status, told = migrate(vault, *arguments, failpoint=failpoint)
    if failpoint:
        assert (status, f"failpoint {failpoint}: killed" in told) == (-9, True), told
        end_leases(vault)
        status, told = migrate(vault, "--resume", "--inline")
    assert status == 0, told
    end_leases(vault)
    return told


def is_ours(key: str) -> bool:
    return key.startswith("documents/") and not key.endswith(".part")


def read_until(stop: threading.Event, web: Web, person: Person, wrong: list[str]) -> None:
    with person.client(web.url) as client:
        while not stop.is_set():
            document, digest = random.choice(list(person.acknowledged.items()))  # noqa: S311
            try:
                answer = client.get(f"{API}/{document}/content")
            except httpx.TransportError as error:
                wrong.append(f"{document}: {error!r}")
                return
            if answer.status_code != 200 or person.digest_of_stored(client, document) != digest:
                wrong.append(f"{document}: {answer.status_code}")


def move_with_kills(vault: Installation, destination: str, *, kills: int) -> None:
    """Move everything, with workers that are killed; whoever is left goes on."""
    arguments = [destination, "--inline", "--batch-size", "5", "--threads", "2"]
    for _kill in range(kills):
        process = vault.processes.start("manage", arguments=[MIGRATE, *arguments])
        if process.wait(0.3 + random.random() * 0.7) is None:  # noqa: S311  # a time, not a secret
            process.kill()
        end_leases(vault)
        run = latest(vault)
        if run["destination"] == destination:
            arguments = ["--resume", "--inline"]
            if run["state"] == "succeeded":
                return
    status, told = migrate(vault, *arguments)
    assert status == 0, told


def latest(vault: Installation) -> dict[str, str]:
    found = rows(
        vault.database_url, "SELECT state, destination FROM migrations_tools_migrationrun ORDER BY id DESC LIMIT 1"
    )
    return dict(zip(("state", "destination"), found[0], strict=True)) if found else {"state": "", "destination": ""}


def migrate_under_readers(moving: Moving, *, documents: int, kills: int, readers: int) -> None:
    vault, wrong = moving.vault, list[str]()
    upload_some(vault, documents)
    with web_server(vault.processes) as web:
        stop = threading.Event()
        threads = [threading.Thread(target=read_until, args=(stop, web, vault.person, wrong)) for _ in range(readers)]
        for thread in threads:
            thread.start()
        try:
            for destination in (moving.there, moving.here):
                move_with_kills(vault, destination, kills=kills // 2)
                there = objects_of_rows(vault)
                assert {store: len(keys) for store, keys in there.items() if keys} == {destination: documents}
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
    assert wrong == []
    assert_everything_reads(vault)


def test_a_few_random_kills_under_readers_lose_nothing(moving: Moving) -> None:
    migrate_under_readers(moving, documents=30, kills=6, readers=4)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_two_hundred_random_kills_under_readers_lose_nothing(moving: Moving) -> None:
    migrate_under_readers(moving, documents=2000, kills=200, readers=200)


def test_a_worker_that_dies_is_taken_over_by_another(vault: Installation) -> None:
    upload_some(vault, 12)
    first = vault.processes.start("worker", environment={"VAULT_FAILPOINT": "migrate.copy-verified"})
    command = vault.processes.start("manage", arguments=[MIGRATE, "archive", "--format", "json"])
    assert first.wait(60) == -9
    second = vault.processes.start("worker")
    try:
        assert command.wait(120) == 0, command.log.read_text()
    finally:
        second.kill()
    report = json.loads(command.log.read_text()[command.log.read_text().index("{\n") :])
    assert (report["items"]["successful"], report["items"]["failed"]) == (12, 0)
    assert objects_of_rows(vault)["local"] == set()


def test_ctrl_c_stops_at_once_and_says_how_to_go_on(vault: Installation) -> None:
    upload_some(vault, 12)
    command = vault.processes.start(
        "manage", arguments=[MIGRATE, "archive", "--inline", "--bandwidth", "200k", "--threads", "1"]
    )
    deadline = time.monotonic() + 30
    while not objects_of_rows(vault)["archive"] and time.monotonic() < deadline:
        time.sleep(0.05)

    os.kill(command.number, signal.SIGINT)

    assert command.wait(30) == 130, command.log.read_text()
    assert "--resume 1" in command.log.read_text()
    assert latest(vault)["state"] == "interrupted"
    status, told = migrate(vault, "--resume", "1", "--inline")
    assert status == 0, told
    assert_everything_reads(vault)
