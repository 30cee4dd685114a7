"""Leases: an item is one worker's at a time, and who lost it writes nothing more, neither item nor row."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from documents.models import Attachment
from documents.models.clock import database_now
from documents.storage.base import StorageProvider
from migrations_tools import control, leases, runner, steps
from migrations_tools.copying import CopyWork
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.pace import Pace
from migrations_tools.places import Places
from migrations_tools.plan import complete_plan
from migrations_tools.states import ItemState
from migrations_tools.steps import Step
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, is_whole, item_of, outcomes
from tests.migrations_tools.reporting import run_of_rows
from tests.parallel import in_parallel

LEASE = timedelta(minutes=5)


def end_leases() -> None:
    """As if the time of every lease were over."""
    MigrationItem.objects.exclude(lease=None).update(lease_until=database_now() - timedelta(seconds=1))


@pytest.mark.django_db(transaction=True)
def test_ten_workers_never_have_one_item_twice() -> None:
    run = run_of_rows(60, state=ItemState.PENDING)

    batches = in_parallel(lambda: leases.take_items(run, 7, lease=LEASE))

    taken = [item.pk for _token, items in batches for item in items]
    assert len(taken) == len(set(taken)) == 60
    for token, items in batches:
        assert {item.lease for item in items} <= {token}
        assert leases.leased_to(token).count() == len(items) <= 7


def test_an_item_is_anothers_once_its_lease_is_over(db: None) -> None:
    run = run_of_rows(3, state=ItemState.PENDING)
    first, items = leases.take_items(run, 2, lease=LEASE)
    assert [len(leases.take_items(run, 9, lease=LEASE)[1]) for _ in range(2)] == [1, 0]
    end_leases()

    second, again = leases.take_items(run, 2, lease=LEASE)

    assert [item.pk for item in again] == [item.pk for item in items]
    assert [item.attempts for item in again] == [3, 3]
    assert leases.renew(first, lease=LEASE) == 0
    assert leases.renew(second, lease=LEASE) == 2


def test_whoever_lost_an_item_neither_gives_it_back_nor_puts_it_off_nor_ends_it(db: None) -> None:
    run = run_of_rows(1, state=ItemState.PENDING)
    token, [item] = leases.take_items(run, 1, lease=LEASE)
    before = MigrationItem.objects.filter(pk=item.pk).values().get()
    for other in (uuid4(), UUID(int=0)):
        leases.give_back(other, [item.pk])
        leases.put_off(other, item.pk, code="late", pause=LEASE)
        assert not steps.end(other, item, ItemState.DONE)

    assert MigrationItem.objects.filter(pk=item.pk).values().get() == before
    assert steps.end(token, item, ItemState.DONE)
    assert not steps.end(token, item, ItemState.FAILED, code="twice")


def test_an_item_that_was_put_off_waits_and_holds_nobody(db: None) -> None:
    run = run_of_rows(1, state=ItemState.PENDING)
    token, [item] = leases.take_items(run, 1, lease=LEASE)
    leases.put_off(token, item.pk, code="storage-unavailable", pause=LEASE)

    assert not leases.is_held(run)
    assert leases.take_items(run, 1, lease=LEASE)[1] == []
    run.items.update(lease_until=database_now())
    assert len(leases.take_items(run, 1, lease=LEASE)[1]) == 1


@contextmanager
def standing_still(stores: Stores, row: Attachment) -> Iterator[tuple[MigrationRun, CopyWork, UUID, Step]]:
    """A worker that has copied its one item, and loses the lease before it writes what came of it."""
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    complete_plan(run)
    work = CopyWork(run, Places(), Pace(threads=1))
    token, items = leases.take_items(run, 1, lease=LEASE)
    [step] = work.begin(token, items)
    step.call()
    assert step.item.object_id == row.pk
    end_leases()
    yield run, work, token, step


def settle(work: CopyWork, token: UUID, step: Step) -> None:
    with transaction.atomic():
        work.settle(token, [step])


def test_a_late_worker_switches_no_row_that_another_has_taken_over(stores: Stores, store: Store) -> None:
    row = store().current_attachment()
    with standing_still(stores, row) as (run, work, token, step):
        leases.take_items(run, 1, lease=LEASE)
        before = MigrationItem.objects.filter(run=run).values().get()

        settle(work, token, step)

    row.refresh_from_db()
    assert row.storage_type == stores.here
    assert MigrationItem.objects.filter(run=run).values().get() == before


def test_without_the_fence_the_late_worker_would_switch_it(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above."""
    row = store().current_attachment()
    with standing_still(stores, row) as (run, work, token, step):
        leases.take_items(run, 1, lease=LEASE)
        monkeypatch.setattr(steps, "leased_to", lambda _token: MigrationItem.objects.filter(state=ItemState.PENDING))

        settle(work, token, step)

    row.refresh_from_db()
    assert row.storage_type == stores.there


def test_what_another_has_done_the_late_worker_leaves_as_it_is(
    stores: Stores, store: Store, there: StorageProvider
) -> None:
    row = store().current_attachment()
    with standing_still(stores, row) as (run, work, token, step):
        runner.work_on(run.pk)
        assert outcomes(run) == {"done": 1}
        before, copies = MigrationItem.objects.filter(run=run).values().get(), [i.key for i in there.iter_locations()]

        settle(work, token, step)

    assert MigrationItem.objects.filter(run=run).values().get() == before
    assert [info.key for info in there.iter_locations()] == copies
    assert is_whole(row)
    assert item_of(run, row).attempts == 2
