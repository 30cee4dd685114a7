"""What a run left in other stores is counted from rows when the run is over, and told wherever the run is told."""

import json
import re
from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from documents.models import Attachment
from documents.services.actors import Actor
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from migrations_tools import control
from migrations_tools.models import MigrationReport, MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.reports.keeping import keep_report
from migrations_tools.reports.kept import still_elsewhere
from migrations_tools.runner import work_on
from migrations_tools.states import RunKind, RunState
from tests.conftest import Store
from tests.migrations_tools.commanding import migrate
from tests.migrations_tools.moving import OPERATOR, Stores, run_to
from tests.migrations_tools.operating import RUNS, text_of
from tests.migrations_tools.reporting import written


def elsewhere(destination: str) -> int:
    """An independent look."""
    return Attachment.objects.exclude(storage_type=destination).count()


def test_what_came_while_the_run_went_on_is_counted(
    stores: Stores, store: Store, alice: User, as_alice: Actor, here: StorageProvider
) -> None:
    lost = store(b"lost").current_attachment()
    store(b"good")
    with begin_upload(owner=alice, filename="a.pdf", content_type="", actor=as_alice) as upload:
        upload.write(b"received while the plan is made")
        run = control.create(MigrationRun(destination=stores.there), OPERATOR)
        complete_plan(run)
        upload.finish()
    store(b"made behind the plan")
    here.delete(lost.storage_path)
    assert still_elsewhere(run) is None
    work_on(run.pk)
    run.refresh_from_db()

    assert still_elsewhere(run) == elsewhere(stores.there) + 1 == 3

    assert keep_report(run) is not None
    assert MigrationReport.objects.get().elsewhere == 3
    assert json.loads(written(run, "json"))["still_elsewhere"] == 3
    assert "Left:       3 objects are still elsewhere than in there: run again\n" in written(run, "text")
    assert "3 objects are still elsewhere than in there: run again" in written(run, "html")


def test_a_report_tells_what_was_left_when_its_run_was_over(
    stores: Stores, store: Store, viewer: User, client_of: Callable[[User | None], Client]
) -> None:
    for number in range(3):
        store(f"{number}".encode())
    first = run_to(stores.there, max_items=2)
    keep_report(first)
    second = run_to(stores.there)
    keep_report(second)

    assert (still_elsewhere(first), still_elsewhere(second)) == (1, 0)
    assert "1 object is still elsewhere than in there: run again" in written(first, "text")
    assert "elsewhere" not in written(second, "text")
    assert json.loads(written(second, "json"))["still_elsewhere"] == 0
    page = client_of(viewer).get(f"{RUNS}{first.pk}/change/").content
    assert "1 object is still elsewhere than in there" in text_of(page)
    assert b"/start/" not in page
    assert "elsewhere" not in text_of(client_of(viewer).get(f"{RUNS}{second.pk}/change/").content)


def test_whoever_operates_runs_is_led_to_the_next(
    stores: Stores, store: Store, operator: User, client_of: Callable[[User | None], Client]
) -> None:
    for number in range(3):
        store(f"{number}".encode())
    run = run_to(stores.there, max_items=1)

    page = client_of(operator).get(f"{RUNS}{run.pk}/change/").content.decode()

    assert re.search(rf'2 objects are still elsewhere than in there: <a href="{RUNS}start/">run again</a>', page)


def test_the_command_says_last_what_is_left(stores: Stores, store: Store) -> None:
    for number in range(3):
        store(f"{number}".encode())

    part = migrate(stores.there, "--limit", "1")
    whole = migrate(stores.there)

    assert (part.status, whole.status) == (0, 0)
    assert part.err.splitlines()[-1] == "2 objects are still elsewhere than in there: run again."
    assert "elsewhere" not in whole.err


def test_a_run_tells_of_what_it_was_narrowed_to(stores: Stores, store: Store, bob: User) -> None:
    store(b"alice's")
    for number in range(2):
        store(f"bob's {number}".encode(), owner=bob)

    assert still_elsewhere(run_to(stores.there, owner=bob, max_items=1)) == 1
    assert still_elsewhere(run_to(stores.there, owner=bob)) == 0
    assert elsewhere(stores.there) == 1


def test_a_run_that_copies_nothing_tells_of_none(stores: Stores, store: Store) -> None:
    store(b"stays")

    for kind in (RunKind.VERIFY, RunKind.PURGE):
        run = run_to(stores.there, kind=kind)
        assert (run.state, still_elsewhere(run)) == (RunState.SUCCEEDED, None)
        assert json.loads(written(run, "json"))["still_elsewhere"] is None


def test_a_run_that_was_tried_again_is_counted_anew(stores: Stores, store: Store, here: StorageProvider) -> None:
    row = store(b"comes back").current_attachment()
    body = here.get(row.storage_path)
    here.delete(row.storage_path)
    run = run_to(stores.there)
    keep_report(run)
    assert still_elsewhere(run) == 1
    here.put_bytes(row.storage_path, body)

    control.retry_failed(run, OPERATOR)
    assert still_elsewhere(run) is None
    work_on(run.pk)
    run.refresh_from_db()
    keep_report(run)

    assert (still_elsewhere(run), MigrationReport.objects.get().elsewhere) == (0, 0)
