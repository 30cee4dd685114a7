"""The Celery worker and its schedule, killed in the middle of clearing up."""

import time

import pytest

from tests.crash.client import API, CONNECTION_LOST
from tests.crash.installation import SWEEPS, Installation, forgetting
from tests.crash.leftovers import leftovers
from tests.crash.processes import web_server


@pytest.mark.parametrize("failpoint", ["discard.row-marked", "discard.object-deleted", "deletion.object-deleted"])
def test_a_worker_killed_while_it_clears_up_leaves_the_rest_to_the_next(embedded: Installation, failpoint: str) -> None:
    _leave_something_to_clear_up(embedded)
    time.sleep(1.5)  # the lease of what was left is over
    embedded.processes.run("task", names=SWEEPS, send=True)
    worker = embedded.processes.start("worker", environment={"VAULT_FAILPOINT": failpoint})
    assert worker.wait(30) == -9
    assert f"failpoint {failpoint}: killed" in worker.log.read_text()
    next_worker = embedded.processes.start("worker")
    try:
        assert embedded.leftovers_after_grace(through_worker=True) == {}
    finally:
        next_worker.kill()


def _leave_something_to_clear_up(installation: Installation) -> None:
    """An upload that died with its object stored, and a deletion that died before its object went."""
    person = forgetting(installation.person)
    with web_server(installation.processes, failpoint="upload.object-stored") as web, person.client(web.url) as client:
        with pytest.raises(CONNECTION_LOST):
            person.upload(client, b"never acknowledged")
        web.wait_until_dead()
    with web_server(installation.processes, failpoint="deletion.rows-deleted") as web:
        with person.client(web.url) as client, pytest.raises(CONNECTION_LOST):
            client.delete(f"{API}/{person.upload(client, b'deleted')}")
        web.wait_until_dead()
    left = leftovers(installation.database_url, installation.store)
    assert {kind: len(names) for kind, names in left.items()} == {"orphan objects": 2, "staged rows": 1, "removals": 1}
    [staged] = left["staged rows"]
    assert staged.endswith(": receiving")
    assert left["removals"] < left["orphan objects"]


def test_a_schedule_that_was_killed_goes_on(embedded: Installation) -> None:
    for _start in range(2):
        beat = embedded.processes.start("beat")
        assert beat.wait(2) is None, beat.log.read_text()
        beat.kill()
        assert "Traceback" not in beat.log.read_text()
