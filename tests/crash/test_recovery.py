"""A rebuild killed at every named place: the next one goes on, and every document is there once."""

import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from documents.failpoints import NAMES
from tests.crash.installation import base_environment
from tests.crash.processes import Processes
from tests.encryption.keys import ORIGIN_KEYS
from tests.recovery.objects import RING, VAULT, Shelf

REBUILD = ["recover", "--rebuild-database"]
REACHED = [name for name in NAMES if name.startswith("recover.")]


def fill(store: Path) -> None:
    shelf, document_id = Shelf(store, replace(RING, origin_key=ORIGIN_KEYS["origin"])), uuid4()
    for number in range(3):
        shelf.put(b"one of several", document_id=document_id, filename=f"version {number + 1}")
        shelf.put(b"alone", owner="bob")


def rows_of(database: Path) -> dict[str, object]:
    def values(sql: str) -> list[object]:
        return [row[0] for row in connection.execute(sql)]

    with closing(sqlite3.connect(database)) as connection:
        return {
            "vault": values("SELECT replace(vault_id, '-', '') FROM documents_vault"),
            "people": values("SELECT username FROM auth_user ORDER BY username"),
            "documents": values("SELECT count(*) FROM documents_document"),
            "versions": values("SELECT filename FROM documents_attachment WHERE filename LIKE 'v%' ORDER BY version"),
            "numbers": values("SELECT version FROM documents_attachment ORDER BY version"),
            "events": values("SELECT count(*) FROM documents_auditevent WHERE action = 'document.recovered'"),
        }


@pytest.mark.timeout(240)
def test_a_rebuild_killed_at_any_failpoint_goes_on_and_makes_every_row_once(tmp_path: Path) -> None:
    environment = base_environment(tmp_path)
    fill(Path(environment["LOCAL_STORAGE_PATH"]))
    database, empty = Path(environment["DATABASE_URL"].removeprefix("sqlite:///")), tmp_path / "empty.sqlite3"
    processes = Processes(environment, tmp_path / "logs")
    try:
        processes.run("command", arguments=["migrate", "-v0"])
        copy(database, empty)
        for name in REACHED:
            copy(empty, database)
            killed = processes.start("command", arguments=REBUILD, environment={"VAULT_FAILPOINT": name})
            assert killed.wait(60) == -signal.SIGKILL
            assert f"failpoint {name}: killed" in killed.log.read_text()
            processes.run("command", arguments=REBUILD)
            assert rows_of(database) == {
                "vault": [VAULT.hex],
                "people": ["alice", "bob"],
                "documents": [4],
                "versions": ["version 1", "version 2", "version 3"],
                "numbers": [1, 1, 1, 1, 2, 3],
                "events": [6],
            }, name
    finally:
        processes.close()


def copy(source: Path, destination: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(destination)) as written:
        read.backup(written)
