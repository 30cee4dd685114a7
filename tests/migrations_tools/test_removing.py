"""A run that is over can be removed, once nothing that it kept is left; documents and objects stay as they are."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from documents.models import AuditEvent
from documents.models.clock import database_now
from documents.storage.base import StorageProvider
from migrations_tools import control, tasks
from migrations_tools.errors import MigrationRefused
from migrations_tools.models import MigrationItem, MigrationReport, MigrationRun
from migrations_tools.removing import remove_run
from migrations_tools.reports.keeping import keep_report
from migrations_tools.states import ItemState, RunKind, RunState, SourceState
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, is_whole, outcomes, run_to
from tests.migrations_tools.operating import RUNS, press, text_of
from tests.migrations_tools.reporting import run_of_rows

Browse = Callable[[User | None], Client]


@pytest.fixture
def purged(stores: Stores, store: Store) -> tuple[MigrationRun, MigrationRun]:
    """A run whose kept sources are all purged, and the run that purged them."""
    for number in range(3):
        store(f"{number}".encode())
    runs = run_to(stores.there), run_to(stores.there, kind=RunKind.PURGE)
    for run in runs:
        keep_report(run)
    return runs


def test_a_run_goes_with_its_items_and_its_report_and_nothing_else(
    purged: tuple[MigrationRun, MigrationRun], there: StorageProvider, store: Store
) -> None:
    moved, purge = purged
    row = store(b"another").current_attachment()
    before = {info.key for info in there.iter_locations()}

    remove_run(moved, OPERATOR)

    assert list(MigrationRun.objects.all()) == [purge]
    assert (MigrationItem.objects.count(), MigrationReport.objects.get().run) == (3, purge)
    assert set(purge.items.values_list("kept_item", flat=True)) == {None}
    assert {info.key for info in there.iter_locations()} == before
    assert is_whole(row)
    event = AuditEvent.objects.get(action="migration.removed")
    assert event.detail == {
        "run": moved.pk, "kind": "copy", "destination": "there", "state": "succeeded", "items": 3,
    }  # fmt: skip
    remove_run(moved, OPERATOR)  # again, late
    remove_run(purge, OPERATOR)
    assert not MigrationRun.objects.exists()
    assert AuditEvent.objects.filter(action="migration.removed").count() == 2
    tasks.sweep_runs()


def test_a_run_that_keeps_sources_stays(stores: Stores, store: Store) -> None:
    store(b"kept")
    run = run_to(stores.there)

    with pytest.raises(MigrationRefused, match=r"1 object is kept because of run .* Purge them first"):
        remove_run(run, OPERATOR)

    assert outcomes(run) == {"done": 1}
    MigrationItem.objects.update(source_state=SourceState.PURGING)
    with pytest.raises(MigrationRefused):
        remove_run(run, OPERATOR)
    MigrationItem.objects.update(source_state=SourceState.RECLAIMED)
    remove_run(run, OPERATOR)
    assert not MigrationRun.objects.exists()


def test_a_run_that_left_a_copy_it_never_switched_to_stays(db: None, stores: Stores) -> None:
    run = run_of_rows(2, each=lambda number: {"code": "copy-damaged", "attempts": 1 - number})

    with pytest.raises(MigrationRefused, match="1 object is kept"):
        remove_run(run, OPERATOR)


@pytest.mark.parametrize("state", ["queued", "running", "pausing", "paused", "interrupted", "cancelling"])
def test_a_run_that_is_not_over_stays(db: None, stores: Stores, state: str) -> None:
    run = MigrationRun.objects.create(destination="there", state=state)

    with pytest.raises(MigrationRefused, match=f"Run {run.pk} is {state}. A run can be removed once it is over."):
        remove_run(run, OPERATOR)

    assert MigrationRun.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_run_stays_while_a_worker_may_come_back_to_it(stores: Stores, settings: Settings) -> None:
    run = run_to(stores.there)
    settings.VAULT = replace(settings.VAULT, migration=replace(settings.VAULT.migration, grace=timedelta(days=7)))
    with pytest.raises(MigrationRefused, match=r"It can be removed from \d{4}-\d\d-\d\d \d\d:\d\d UTC on."):
        remove_run(run, OPERATOR)
    MigrationRun.objects.filter(pk=run.pk).update(finished_at=database_now() - timedelta(days=8))
    held = run_of_rows(1, state=ItemState.PENDING)
    MigrationRun.objects.filter(pk=held.pk).update(finished_at=database_now() - timedelta(days=8))
    held.items.update(lease=uuid4(), lease_until=database_now() + timedelta(minutes=1))

    remove_run(run, OPERATOR)
    with pytest.raises(MigrationRefused, match="A worker may still be at an item"):
        remove_run(held, OPERATOR)

    assert list(MigrationRun.objects.all()) == [held]


def test_as_many_statements_whatever_the_number(stores: Stores) -> None:
    def statements(count: int) -> int:
        run = run_of_rows(count, state=ItemState.DONE)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            remove_run(run, OPERATOR)
        return len(seen)

    assert statements(1) == statements(700)


def test_an_operator_removes_a_run_after_a_question(
    purged: tuple[MigrationRun, MigrationRun], operator: User, client_of: Browse
) -> None:
    run, browser = purged[0], client_of(operator)

    asked = text_of(browser.get(f"{RUNS}{run.pk}/remove/").content)
    assert "No object and no document is touched." in asked
    assert f"Remove run {run.pk} Go back" in asked
    assert MigrationRun.objects.filter(pk=run.pk).exists()
    assert f"Run {run.pk} was removed." in press(browser, f"{RUNS}{run.pk}/remove/")

    assert not MigrationRun.objects.filter(pk=run.pk).exists()
    event = AuditEvent.objects.get(action="migration.removed")
    assert (event.actor, event.via) == (operator, "admin")


def test_an_operator_is_told_why_a_run_stays(stores: Stores, store: Store, operator: User, client_of: Browse) -> None:
    store(b"kept")
    run, browser = run_to(stores.there), client_of(operator)

    asked = text_of(browser.get(f"{RUNS}{run.pk}/remove/").content)

    assert "1 object is kept because of run" in asked
    assert f"Remove run {run.pk} Go back" not in asked
    assert "1 object is kept because of run" in press(browser, f"{RUNS}{run.pk}/remove/")
    assert MigrationRun.objects.get().state == RunState.SUCCEEDED


def test_a_run_that_was_removed_while_it_was_reported_has_no_report(stores: Stores) -> None:
    run = run_to(stores.there)
    remove_run(run, OPERATOR)

    assert keep_report(run) is None
    assert control.latest_unfinished() is None
