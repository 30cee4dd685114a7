"""The counts that the list of runs shows: kept ones of runs that are over, and the others as they are now."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from documents.storage.base import StorageProvider
from migrations_tools import control
from migrations_tools.admin.listing import Counts, counts_of
from migrations_tools.models import MigrationReport, MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.reports.keeping import keep_report
from migrations_tools.states import ItemState
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, run_to
from tests.migrations_tools.operating import RUNS, text_of
from tests.migrations_tools.reporting import run_of_rows


def counted(*runs: MigrationRun) -> tuple[list[Counts], int]:
    """The counts, and how many queries asked for items."""
    with CaptureQueriesContext(connection) as seen:
        found = counts_of(runs)
    asked = [query for query in seen.captured_queries if '"migrations_tools_migrationitem"' in query["sql"]]
    return [found[run.pk] for run in runs], len(asked)


def mixed() -> MigrationRun:
    states = [ItemState.DONE, ItemState.DONE, ItemState.DONE, ItemState.FAILED, ItemState.SKIPPED, ItemState.SKIPPED]
    return run_of_rows(len(states), each=lambda number: {"state": states[number]})


MIXED = Counts(successful=3, failed=1, skipped=2)


def test_of_a_run_that_is_over_the_kept_ones_are_shown_and_no_item_is_counted(db: None) -> None:
    run = mixed()
    assert counted(run) == ([MIXED], 1)

    keep_report(run)

    assert counted(run) == ([MIXED], 0)
    run.items.filter(state=ItemState.FAILED).delete()
    assert counted(run) == ([MIXED], 0)


def test_what_was_there_before_the_run_is_no_item_of_it(stores: Stores, store: Store) -> None:
    store(b"1")
    run_to(stores.there)
    store(b"2")
    run = run_to(stores.there)
    keep_report(run)
    assert MigrationRun.objects.get(pk=run.pk).already_there == 1

    assert counted(run) == ([Counts(successful=1)], 0)


def test_a_run_that_is_not_over_or_has_an_earlier_report_is_counted(
    stores: Stores, store: Store, here: StorageProvider
) -> None:
    here.delete(store(b"1").current_attachment().storage_path)
    failed = run_to(stores.there)
    keep_report(failed)
    assert counted(failed) == ([Counts(failed=1)], 0)
    control.retry_failed(failed, OPERATOR)
    moving = control.create(MigrationRun(destination=stores.here), OPERATOR)
    complete_plan(moving)

    assert counted(failed, moving) == ([Counts(pending=1), Counts()], 1)


def test_a_report_of_a_version_that_kept_no_counts_is_not_relied_on(db: None) -> None:
    run = mixed()
    keep_report(run)
    MigrationReport.objects.update(successful=None, failed=None, skipped=None, pending=None)

    assert counted(run) == ([MIXED], 1)


@pytest.mark.parametrize("runs", [1, 20])
def test_a_page_of_runs_that_are_over_asks_for_no_item(
    sam: User, client_of: Callable[[User], Client], runs: int
) -> None:
    for _ in range(runs):
        keep_report(mixed())
    browser = client_of(sam)

    with CaptureQueriesContext(connection) as seen:
        page = browser.get(RUNS).content

    assert text_of(page).count("6 of 6 3 1 2 command") == runs
    assert not [query for query in seen.captured_queries if '"migrations_tools_migrationitem"' in query["sql"]]
