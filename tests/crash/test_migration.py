"""A migration killed at every named place and at random, with people at work: nothing lost, nothing doubled."""

import json
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from documents.failpoints import NAMES
from tests.crash.client import API, Person
from tests.crash.installation import GRACE, Installation, embedded_installation
from tests.crash.leftovers import Directory, rows
from tests.crash.processes import Web, web_server

# Seconds, so that a test can wait for them.
SHORT = {**GRACE, "VAULT_MIGRATION_GRACE": "1", "VAULT_MIGRATION_LEASE": "1"}
MIGRATE = "migrate_documents_to_storage"
# Those of its report are visited by the tests of reports.
NAMED = [name for name in NAMES if name.startswith("migrate.") and not name.startswith("migrate.report-")]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Installation]:
    """Documents on the local disk, and another directory that they can be moved to."""
    (tmp_path / "stores.toml").write_text(f'[stores.archive]\ntype = "local"\npath = "{tmp_path / "archive"}"\n')
    with embedded_installation(tmp_path, **SHORT, VAULT_STORAGE_FILE=str(tmp_path / "stores.toml")) as installation:
        yield installation


def archive_of(vault: Installation) -> Directory:
    return Directory(vault.directory / "archive")


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


def assert_nothing_unfinished(vault: Installation, store: Directory) -> None:
    """What a killed writer left is swept once it is a second old."""
    deadline = time.monotonic() + 30
    while store.unfinished() and time.monotonic() < deadline:
        vault.processes.run("task", names=["sweep_unfinished"])
    assert store.unfinished() == set()


def end_leases(vault: Installation) -> None:
    """As if the lease of a killed worker were over."""
    with closing(sqlite3.connect(vault.database_url.removeprefix("sqlite:///"), timeout=20)) as database, database:
        database.execute("UPDATE migrations_tools_migrationitem SET lease_until = '2000-01-01 00:00:00'")
        database.execute("UPDATE migrations_tools_migrationitem SET finished_at = '2000-01-01 00:00:00'")


def objects_of_rows(vault: Installation) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"local": set(), "archive": set()}
    for store, key in rows(vault.database_url, "SELECT storage_type, storage_path FROM documents_attachment"):
        found[store].add(key)
    return found


def test_a_migration_killed_at_any_failpoint_goes_on_and_loses_nothing(vault: Installation) -> None:
    upload_some(vault, 6)
    stores = {"local": Directory(vault.directory / "data" / "storage"), "archive": archive_of(vault)}
    places = ["archive", "local"] * len(NAMED)
    for name in NAMED:
        here = places.pop(0)
        other = places[0]
        purges = name in ("migrate.purge-marked", "migrate.source-deleted")
        status, told = migrate(vault, here, "--inline", failpoint="" if purges else name)
        assert (status, f"failpoint {name}: killed" in told) == ((0, False) if purges else (-9, True)), told
        end_leases(vault)
        if not purges:
            status, told = migrate(vault, "--resume", "--inline")
            assert status == 0, told
            end_leases(vault)
        purge = [here, "--purge-source", "--no-input", "--inline"]
        if purges:
            status, told = migrate(vault, *purge, failpoint=name)
            assert (status, f"failpoint {name}: killed" in told) == (-9, True), told
            end_leases(vault)
            purge = ["--resume", "--inline"]
        status, told = migrate(vault, *purge)
        assert status == 0, told
        # An independent look at both stores: every object of a row and nothing else.
        assert objects_of_rows(vault)[other] == set()
        documents = {key for key in stores[here].objects() if key.startswith("documents/")}
        assert documents == objects_of_rows(vault)[here]
        assert {key for key in stores[other].objects() if key.startswith("documents/")} == set(), name
        assert_nothing_unfinished(vault, stores[here])
    assert_everything_reads(vault)


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


def migrate_under_readers(vault: Installation, *, documents: int, kills: int, readers: int) -> None:
    upload_some(vault, documents)
    wrong: list[str] = []
    with web_server(vault.processes) as web:
        stop = threading.Event()
        threads = [threading.Thread(target=read_until, args=(stop, web, vault.person, wrong)) for _ in range(readers)]
        for thread in threads:
            thread.start()
        try:
            for destination in ("archive", "local"):
                move_with_kills(vault, destination, kills=kills // 2)
                there = objects_of_rows(vault)
                assert {store: len(keys) for store, keys in there.items() if keys} == {destination: documents}
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
    assert wrong == []
    assert_everything_reads(vault)


def test_a_few_random_kills_under_readers_lose_nothing(vault: Installation) -> None:
    migrate_under_readers(vault, documents=30, kills=6, readers=4)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_two_hundred_random_kills_under_readers_lose_nothing(vault: Installation) -> None:
    migrate_under_readers(vault, documents=2000, kills=200, readers=200)


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
