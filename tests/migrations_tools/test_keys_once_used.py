"""A key that was given up, deleted or may be deleted late is written by nobody again, and is purged some day."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from documents.storage.base import Buffer, ObjectRef, StorageProvider
from migrations_tools import control, leases
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.pace import Pace
from migrations_tools.places import Places
from migrations_tools.plan import complete_plan
from migrations_tools.purging import PurgeWork
from migrations_tools.runner import work_on
from migrations_tools.states import ItemState, RunKind, RunState, SourceState
from migrations_tools.steps import Step
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, There, is_whole, outcomes, run_to
from tests.migrations_tools.test_sidecars import add_sidecars, sidecars


def purge(destination: str) -> MigrationRun:
    return run_to(destination, kind=RunKind.PURGE)


def test_newer_key_blocks_stay_where_the_row_lives_under_another_key(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    """There, home under another key, there again: what is purged there is the first copy, not the second."""
    row = store().current_attachment()
    added = add_sidecars(here, row, 1)
    run_to(stores.there)
    purge(stores.there)
    run_to(stores.here)
    run_to(stores.there)

    assert outcomes(purge(stores.here)) == {"done": 1}
    assert outcomes(purge(stores.there)) == {"done": 1}

    assert is_whole(row)
    assert sidecars(there, row) == added
    assert sidecars(here, row) == {}


def test_newer_key_blocks_stay_beside_a_copy_that_was_given_up(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = store().current_attachment()
    added = add_sidecars(here, row, 1)
    begun = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(begun)
    control.begin(begun)
    leases.take_items(begun, 10, lease=timedelta(seconds=-1))  # by a worker that was killed
    control.cancel(begun, OPERATOR)
    run_to(stores.there)

    assert outcomes(purge(stores.there)) == {"done": 2}

    row.refresh_from_db()
    assert row.storage_path.count("_m") == 1
    assert is_whole(row)
    assert (sidecars(there, row), sidecars(here, row)) == (added, {})
    assert [info.key for info in there.iter_locations("documents/")] == [row.storage_path]


def test_a_retry_writes_no_key_that_a_late_purge_may_delete(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = store().current_attachment()
    body = here.get(row.storage_path)
    here.delete(row.storage_path)
    run = run_to(stores.there)
    assert outcomes(run) == {"failed:object-not-found": 1}
    here.put_bytes(row.storage_path, body)
    late = marked_by_a_worker_that_stands_still(stores)

    control.retry_failed(run, OPERATOR)
    work_on(run.pk)
    late.call()

    run.refresh_from_db()
    row.refresh_from_db()
    assert (run.state, row.storage_type, row.storage_path.count("_m")) == (RunState.SUCCEEDED, stores.there, 1)
    assert is_whole(row)


def marked_by_a_worker_that_stands_still(stores: Stores) -> Step:
    """Its deletion of what an earlier run begun, which it marked; another worker has ended the purge meanwhile."""
    run = control.create(MigrationRun(kind=RunKind.PURGE, destination=stores.there), OPERATOR)
    complete_plan(run)
    control.begin(run)
    token, items = leases.take_items(run, 10, lease=timedelta(minutes=5))
    work = PurgeWork(run, Places(), Pace(threads=1))
    steps = list(work.begin(token, items))
    for step in steps:
        step.call()
    [deletion] = work.settle(token, steps)
    assert run.items.get().source_state == SourceState.PURGING
    run.items.update(lease_until=run.created_at)
    work_on(run.pk)
    assert outcomes(run) == {"done": 1}
    return deletion


def test_a_damaged_copy_is_made_again_under_another_key_and_purged(
    stores: Stores, store: Store, there: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, put = store().current_attachment(), There.put_stream

    def rotten(self: There, key: str, chunks: Iterable[Buffer]) -> ObjectRef:
        put(self, key, chunks)
        self.delete(key)
        return self.put_bytes(key, b"rotten")

    with monkeypatch.context() as patch:
        patch.setattr(There, "put_stream", rotten)
        run = run_to(stores.there)
    damaged = row.storage_path

    assert control.retry_failed(run, OPERATOR) == 1
    work_on(run.pk)

    run.refresh_from_db()
    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 1, "skipped:copy-damaged": 1})
    assert is_whole(row)
    assert there.exists(damaged)
    assert outcomes(purge(stores.there)) == {"done": 2}
    assert [info.key for info in there.iter_locations("documents/")] == [row.storage_path]
    assert is_whole(row)


def test_what_is_somebody_elses_is_passed_by_on_a_retry_and_never_purged(
    stores: Stores, store: Store, there: StorageProvider
) -> None:
    row = store().current_attachment()
    there.put_bytes(row.storage_path, b"somebody else's")
    taken, run = row.storage_path, run_to(stores.there)

    control.retry_failed(run, OPERATOR)
    work_on(run.pk)

    assert outcomes(run) == {"done": 1}
    assert is_whole(row)
    purge(stores.there)
    assert there.get(taken) == b"somebody else's"
    assert is_whole(row)


def test_an_object_that_is_kept_in_two_places_is_purged_in_both(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = store().current_attachment()
    run_to(stores.there)
    MigrationItem.objects.filter(source_state=SourceState.KEPT).update(source_path=f"{row.storage_path}_m0")
    here.put_bytes(f"{row.storage_path}_m0", b"kept")
    run_to(stores.here)
    run_to(stores.there)

    purged = purge(stores.there)

    assert (purged.state, outcomes(purged)) == (RunState.SUCCEEDED, {"done": 2})
    assert list(here.iter_locations("documents/")) == []
    assert is_whole(row)


def test_a_retry_asks_as_often_for_ten_times_as_many_items(stores: Stores) -> None:
    def asked(count: int) -> int:
        run = MigrationRun.objects.create(destination=stores.there, state=RunState.FAILED)
        MigrationItem.objects.bulk_create(
            MigrationItem(
                run=run,
                object_id=uuid4(),
                source_type=stores.here,
                source_path=f"{number}",
                destination_path=f"{number}",
                size=1,
                state=ItemState.FAILED,
                code="copy-damaged",
                attempts=1,
            )
            for number in range(count)
        )
        with CaptureQueriesContext(connection) as queries:
            assert control.retry_failed(run, OPERATOR) == count
        assert run.items.filter(state=ItemState.PENDING).count() == count
        return len(queries)

    # SQLite takes a number of values in one statement that a hundred items exceed.
    assert asked(100) <= asked(10) + 2
