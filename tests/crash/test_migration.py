"""A migration killed at every named place, or told to stop: it goes on, with nothing lost and nothing doubled."""

import json
import os
import signal
import time

from documents.failpoints import NAMES
from tests.crash.installation import Installation
from tests.crash.moving import (
    Moving,
    assert_everything_reads,
    assert_nothing_unfinished,
    end_leases,
    migrate,
    newest_run,
    objects_of_rows,
    start,
    upload_some,
)

# Those of its report are visited by the tests of reports.
NAMED = [name for name in NAMES if name.startswith("migrate.") and not name.startswith("migrate.report-")]


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
        held = moving.held()
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


def test_a_worker_that_dies_is_taken_over_by_another(moving_embedded: Moving) -> None:
    vault = moving_embedded.vault
    upload_some(vault, 12)
    first = vault.processes.start("worker", environment={"VAULT_FAILPOINT": "migrate.copy-verified"})
    command = start(vault, "archive", "--format", "json")
    assert first.wait(60) == -9
    second = vault.processes.start("worker")
    try:
        assert command.wait(120) == 0, command.log.read_text()
    finally:
        second.kill()
    report = json.loads(command.log.read_text()[command.log.read_text().index("{\n") :])
    assert (report["items"]["successful"], report["items"]["failed"]) == (12, 0)
    assert objects_of_rows(vault)["local"] == set()


def test_ctrl_c_stops_at_once_and_says_how_to_go_on(moving_embedded: Moving) -> None:
    vault = moving_embedded.vault
    upload_some(vault, 12)
    command = start(vault, "archive", "--inline", "--bandwidth", "200k", "--threads", "1")
    deadline = time.monotonic() + 30
    while not objects_of_rows(vault)["archive"] and time.monotonic() < deadline:
        time.sleep(0.05)

    os.kill(command.number, signal.SIGINT)

    assert command.wait(30) == 130, command.log.read_text()
    assert "--resume 1" in command.log.read_text()
    assert newest_run(vault) == (1, "interrupted")
    status, told = migrate(vault, "--resume", "1", "--inline")
    assert status == 0, told
    assert_everything_reads(vault)
