"""A move to a disk that is full: the run stands still with the reason, nothing half done stays, and it goes on."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.installation import embedded_installation
from tests.crash.leftovers import Directory, rows
from tests.crash.moving import (
    SHORT,
    Moving,
    assert_everything_reads,
    migrate,
    newest_run,
    report_of,
    start,
    stores_file,
)
from tests.crash.processes import web_server
from tests.crash.scan import as_stored, assert_every_row_has_its_object, assert_report_tells_the_rows
from tests.crash.test_full_disk import DISK, MIB, small_disk

SMALL, LARGE = 4_000, 3 * MIB
# A file may not grow beyond this; the database does not come near it, and the large object does.
LARGEST = 2 * MIB


@dataclass(frozen=True)
class Tight:
    """``filler`` takes the room on the destination's own disk; where there is none, a file may not grow."""

    moving: Moving
    filler: Path | None

    def migrate_without_room(self) -> tuple[int | None, str]:
        arguments = ["archive", "--inline", "--no-input", "--threads", "2"]
        largest = None if self.filler else LARGEST
        process = start(self.moving.vault, *arguments, largest_file=largest)
        return process.wait(120), process.log.read_text()


@pytest.fixture(params=["a disk of its own", "files that may not grow"])
def tight(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tight]:
    """A vault on the local disk, and a destination without room for a large object."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(DISK)) if request.param == "a disk of its own" else None
        place = disk or tmp_path
        environment = {**SHORT, "VAULT_STORAGE_FILE": str(stores_file(place))}
        vault = stack.enter_context(embedded_installation(tmp_path / "vault", **environment))
        stores = {"local": vault.store, "archive": Directory(place / "archive")}
        filler = disk / "filler" if disk else None
        if filler:
            filler.write_bytes(b"x" * LARGEST)
        yield Tight(Moving(vault, "local", "archive", stores), filler)


def test_a_move_to_a_full_disk_stands_still_and_goes_on_once_there_is_room(tight: Tight) -> None:
    moving, vault = tight.moving, tight.moving.vault
    with web_server(vault.processes) as web, vault.person.client(web.url) as client:
        for size in (SMALL, LARGE, SMALL):
            vault.person.upload(client, os.urandom(size))

    status, told = tight.migrate_without_room()

    run, state = newest_run(vault)
    assert (status, state) == (1, "interrupted"), told
    assert f"Go on with: manage.py migrate_documents_to_storage --resume {run}" in told
    assert "The disk is full" in told, told
    items = rows(vault.database_url, "SELECT DISTINCT state FROM migrations_tools_migrationitem")
    states = {str(state) for (state,) in items}
    assert "pending" in states
    assert "failed" not in states
    assert_nothing_half_done(moving)
    assert_everything_reads(vault)

    if tight.filler:
        tight.filler.unlink()
    status, told = migrate(vault, "--resume", "--inline")

    assert status == 0, told
    assert_report_tells_the_rows(vault, report_of(vault, run))
    assert_every_row_has_its_object(moving)
    assert moving.held()["archive"] == moving.held()["local"]


def assert_nothing_half_done(moving: Moving) -> None:
    """What is at the destination is whole, and no write to it is unfinished."""
    here, there = moving.stores[moving.here], moving.stores[moving.there]
    assert there.unfinished() == set()
    for key in moving.held()[moving.there]:
        assert as_stored(there, key) == as_stored(here, key), key
