"""A vault whose documents can be moved from one store to another, and the command that moves them."""

import json
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.crash.installation import GRACE, Installation, servers_installation
from tests.crash.leftovers import Bucket, Directory, Store, rows
from tests.crash.processes import Process, web_server
from tests.services.s3_server import S3Server

# Seconds, so that a test can wait for them.
SHORT = {**GRACE, "VAULT_MIGRATION_GRACE": "1", "VAULT_MIGRATION_LEASE": "1"}
MIGRATE = "migrate_documents_to_storage"
LONG_AGO = "'2000-01-01 00:00:00Z'"


@dataclass(frozen=True)
class Moving:
    """A vault whose documents are in the store called ``here``, and can be moved to ``there``."""

    vault: Installation
    here: str
    there: str
    stores: dict[str, Store]

    def held(self) -> dict[str, set[str]]:
        """The keys of documents' objects in both stores, as the stores themselves list them."""
        return {name: {key for key in store.objects() if is_ours(key)} for name, store in self.stores.items()}


@contextmanager
def moving_to_bucket(directory: Path, *, postgres_url: str, s3: S3Server, bucket: Bucket) -> Iterator[Moving]:
    """PostgreSQL, documents on the local disk, and a bucket that they can be moved to with the keys of ``s3``."""
    local = {**SHORT, "STORAGE_TYPE": "local"}
    with servers_installation(directory, postgres_url=postgres_url, s3=s3, bucket=bucket, **local) as vault:
        yield Moving(vault, "local", "s3", {"local": Directory(directory / "data" / "storage"), "s3": bucket})


def start(vault: Installation, *arguments: str, failpoint: str = "", largest_file: int | None = None) -> Process:
    """``largest_file``: the bytes that a file may grow to."""
    return vault.processes.start(
        "manage",
        arguments=[MIGRATE, *arguments],
        environment={"VAULT_FAILPOINT": failpoint},
        largest_file=largest_file,
    )


def migrate(vault: Installation, *arguments: str, failpoint: str = "") -> tuple[int | None, str]:
    """Run the command to its end, good or bad. Returns its exit status and all that it wrote."""
    process = start(vault, *arguments, failpoint=failpoint)
    return process.wait(120), process.log.read_text()


def report_of(vault: Installation, run: int) -> dict[str, Any]:
    """What the command reports of a run that is over."""
    path = vault.directory / f"report-{run}.json"
    status, told = migrate(vault, "--resume", str(run), "--inline", "--format", "json", "--output", str(path))
    assert status == 0, told
    found: dict[str, Any] = json.loads(path.read_text())
    return found


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
    """As if the lease of a killed worker were over, and the time of grace as well."""
    change_rows(vault, f"UPDATE migrations_tools_migrationitem SET lease_until = {LONG_AGO}")  # noqa: S608
    end_grace(vault)


def end_grace(vault: Installation) -> None:
    change_rows(
        vault,
        f"UPDATE migrations_tools_migrationitem SET finished_at = {LONG_AGO} WHERE finished_at IS NOT NULL",  # noqa: S608
    )


def silence_workers(vault: Installation) -> None:
    """As if no worker had given a sign of life for minutes: each place is free, also one whose worker lives."""
    change_rows(vault, f"UPDATE migrations_tools_migrationworker SET seen_at = {LONG_AGO}")  # noqa: S608
    end_shares(vault)


def end_shares(vault: Installation) -> None:
    """The same for the shares of a rotation or a verification."""
    change_rows(
        vault,
        f"UPDATE documents_upkeepshare SET lease_until = {LONG_AGO} WHERE lease_until IS NOT NULL",  # noqa: S608
    )


def change_rows(vault: Installation, statement: str) -> None:
    if vault.database_url.startswith("sqlite"):
        path = vault.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=60)) as database, database:
            database.execute(statement.replace("00Z'", "00'"))
    else:
        with psycopg.connect(vault.database_url) as server:
            server.execute(os.fsencode(statement))


def objects_of_rows(vault: Installation) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for store, key in rows(vault.database_url, "SELECT storage_type, storage_path FROM documents_attachment"):
        found[store].add(key)
    return found


def newest_run(vault: Installation) -> tuple[int, str]:
    """Its id and its state; 0 where there was none yet."""
    query = "SELECT id, state FROM migrations_tools_migrationrun ORDER BY id DESC LIMIT 1"
    found = rows(vault.database_url, query)
    return (int(found[0][0]), str(found[0][1])) if found else (0, "")


def is_ours(key: str) -> bool:
    return key.startswith("documents/") and not key.endswith(".part")


def stores_file(directory: Path) -> Path:
    """A storage file that names another directory, ``archive``, as a store."""
    path = directory / "stores.toml"
    path.write_text(f'[stores.archive]\ntype = "local"\npath = "{directory / "archive"}"\n')
    return path
