"""Planning: each row once, however often it stops, whoever plans too, and never what another run has."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from documents.models import Attachment, Document
from documents.services.actors import Actor
from documents.services.staging import confirm_upload
from documents.services.uploads import begin_upload
from migrations_tools import control, plan, runner
from migrations_tools.errors import RowsHeld
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import complete_plan
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, outcomes
from tests.parallel import in_parallel


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BATCH", 2)


def add_rows(owner: User, count: int, *, at: str) -> list[Attachment]:
    """Rows of documents, in the order of planning; of their objects nobody asks while they are planned."""
    documents = Document.objects.bulk_create(Document(owner=owner) for _ in range(count))
    rows = [
        Attachment(id=uuid4(), document=made, storage_type=at, storage_path=f"k/{made.pk}", digest="0" * 64)
        for made in documents
    ]
    return sorted(Attachment.objects.bulk_create(rows), key=lambda row: row.pk)


def new_run(stores: Stores, **options: object) -> MigrationRun:
    return control.create(MigrationRun(destination=stores.there, **options), OPERATOR)


def planned(run: MigrationRun) -> list[UUID]:
    return sorted(run.items.values_list("object_id", flat=True))


def hold(row: Attachment, stores: Stores) -> MigrationRun:
    """A run that has this one row."""
    run = new_run(stores)
    MigrationItem.objects.create(run=run, object_id=row.pk, size=1, holds_row=True)
    return run


def test_rows_of_another_run_are_refused_and_nothing_is_left_behind(stores: Stores, alice: User) -> None:
    rows = add_rows(alice, 5, at=stores.here)
    holder = hold(rows[-1], stores)
    run = new_run(stores)

    with pytest.raises(RowsHeld, match=f"Run {holder.pk} has rows of this one.*--resume {holder.pk}") as refused:
        complete_plan(run)

    assert refused.value.run_id == holder.pk
    assert outcomes(run) == {}
    assert outcomes(holder) == {"pending": 1}
    run.refresh_from_db()
    assert (run.plan_position, run.planned_items, run.planned_at) == ([], 0, None)


def test_a_refused_run_that_is_tried_again_plans_everything(stores: Stores, alice: User) -> None:
    """What was taken back is planned anew: a run that went on behind it would leave rows where they are."""
    rows = add_rows(alice, 5, at=stores.here)
    holder, run = hold(rows[-1], stores), new_run(stores)
    with pytest.raises(RowsHeld) as refused:
        complete_plan(run)
    control.fail(run, str(refused.value))
    control.cancel(holder, OPERATOR)

    control.retry_failed(run, OPERATOR)
    complete_plan(run)

    assert planned(run) == [row.pk for row in rows]
    assert run.planned_items == 5


def test_a_run_of_another_owner_is_not_refused(stores: Stores, alice: User, bob: User) -> None:
    add_rows(alice, 3, at=stores.here)
    hers, his = new_run(stores, owner=alice), new_run(stores, owner=bob)
    rows = add_rows(bob, 3, at=stores.here)
    complete_plan(hers)

    complete_plan(his)

    assert planned(his) == [row.pk for row in rows]
    assert set(planned(his)).isdisjoint(planned(hers))


def test_planning_that_was_stopped_goes_on_where_it_was(stores: Stores, alice: User) -> None:
    rows, run = add_rows(alice, 7, at=stores.here), new_run(stores)

    def die(_count: int) -> None:
        raise KeyboardInterrupt

    for batches in range(4):  # the first is of uploads, and there are none
        with pytest.raises(KeyboardInterrupt):
            complete_plan(MigrationRun.objects.get(pk=run.pk), die)
        assert planned(run) == [row.pk for row in rows[: 2 * batches]]
    run.refresh_from_db()
    assert run.planned_at is None
    complete_plan(run)

    assert planned(run) == [row.pk for row in rows]
    assert (run.planned_items, run.planned_at is None) == (7, False)


@pytest.mark.parametrize(("stop", "state"), [(control.pause, "paused"), (control.cancel, "cancelled")])
def test_whoever_stops_a_run_stops_its_planning(
    stores: Stores, alice: User, stop: Callable[[MigrationRun, Actor], None], state: str
) -> None:
    rows, run = add_rows(alice, 7, at=stores.here), new_run(stores)
    control.begin(run)

    def stop_it(count: int) -> None:
        if count and not stopped:
            stopped.append(count)
            stop(MigrationRun.objects.get(pk=run.pk), OPERATOR)

    stopped: list[int] = []
    complete_plan(run, stop_it)

    assert (MigrationRun.objects.get(pk=run.pk).state, run.planned_at) == (state, None)
    assert planned(run) == [row.pk for row in rows[:2]]
    assert run.items.filter(holds_row=True).count() == (2 if state == "paused" else 0)


def test_a_limit_ends_the_plan_in_the_middle_of_a_batch(stores: Stores, alice: User) -> None:
    rows, run = add_rows(alice, 7, at=stores.here), new_run(stores, max_items=5)

    complete_plan(run)

    assert planned(run) == [row.pk for row in rows[:5]]


def test_what_is_made_and_confirmed_while_a_run_is_planned_is_planned_once(
    stores: Stores, store: Store, alice: User, as_alice: Actor
) -> None:
    for number in range(3):
        store(f"{number}".encode())
    with begin_upload(owner=alice, filename="a.pdf", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        staged = upload.finish()
    run, calls = new_run(stores), [lambda: confirm_upload(staged.pk, owner=alice, actor=as_alice), store]

    complete_plan(run, lambda _count: calls and calls.pop(0)())

    ids = planned(run)
    assert staged.pk in ids
    assert len(ids) == len(set(ids)) == run.planned_items
    assert 4 <= len(ids) <= 5
    runner.work_on(run.pk)
    assert outcomes(run) == {"done": len(ids)}


@pytest.mark.django_db(transaction=True)
def test_ten_planners_of_one_run_plan_each_row_once(stores: Stores, alice: User) -> None:
    rows, run = add_rows(alice, 9, at=stores.here), new_run(stores)

    in_parallel(lambda: complete_plan(MigrationRun.objects.get(pk=run.pk)))

    run.refresh_from_db()
    assert planned(run) == [row.pk for row in rows]
    assert (run.planned_items, run.planned_at is None) == (9, False)


@pytest.mark.django_db(transaction=True)
def test_of_ten_runs_over_the_same_rows_one_is_planned(stores: Stores, alice: User) -> None:
    rows, runs = add_rows(alice, 5, at=stores.here), [new_run(stores) for _ in range(10)]
    left = [run.pk for run in runs]

    def plan_one() -> int:
        run = MigrationRun.objects.get(pk=left.pop())
        try:
            complete_plan(run)
        except RowsHeld as refused:
            return refused.run_id or 0
        return run.pk

    [winner] = set(in_parallel(plan_one))

    assert planned(MigrationRun.objects.get(pk=winner)) == [row.pk for row in rows]
    assert MigrationItem.objects.count() == 5
