"""What an operator may do to a run, in which state, and the audit row of each; what is refused changes nothing."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from documents.models import AuditEvent
from documents.models.clock import database_now
from documents.services.actors import SYSTEM, Actor
from migrations_tools import control, runner
from migrations_tools.errors import MigrationRefused
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.states import RunKind, RunState
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, is_whole, item_of, outcomes, run_to
from tests.migrations_tools.reporting import run_of_rows

# Written by hand, so that the table of the product is read twice.
ARROWS = {
    "queued": "running interrupted cancelling failed",
    "running": "pausing interrupted cancelling succeeded failed",
    "pausing": "paused queued cancelling",
    "paused": "queued cancelling",
    "interrupted": "queued cancelling",
    "cancelling": "cancelled",
    "failed": "queued",
    "cancelled": "",
    "succeeded": "",
}
# What each action makes of a run with a worker at it; where a state is missing, it is refused.
ACTIONS: dict[str, tuple[Callable[[MigrationRun, Actor], object], dict[str, str]]] = {
    "pausing": (control.pause, {"running": "pausing"}),
    "resumed": (control.resume, dict.fromkeys(("pausing", "paused", "interrupted"), "queued")),
    "cancelling": (
        control.cancel,
        dict.fromkeys(("queued", "running", "pausing", "paused", "interrupted"), "cancelling"),
    ),
    "retried": (control.retry_failed, {"failed": "queued"}),
}


def run_in(state: str) -> MigrationRun:
    return MigrationRun.objects.create(destination="there", state=state, note="why", planned_at=database_now())


def with_a_worker(run: MigrationRun) -> MigrationItem:
    """One item that somebody is at work on."""
    return MigrationItem.objects.create(
        run=run, object_id=uuid4(), size=1, lease=uuid4(), lease_until=database_now() + timedelta(hours=1)
    )


def told() -> list[tuple[str, str, str]]:
    """What the audit log has of runs: who did what by which way, oldest first."""
    events = AuditEvent.objects.filter(action__startswith="migration.").order_by("pk")
    return [(event.action.removeprefix("migration."), event.actor_name, event.via) for event in events]


def test_a_run_goes_along_the_arrows_and_nowhere_else(db: None) -> None:
    assert set(ARROWS) == set(RunState.values)
    for before, after in product(RunState, RunState):
        run = run_in(before)
        is_arrow = after in ARROWS[before].split()

        assert run.move_to(after) == is_arrow, (before, after)
        assert MigrationRun.objects.get(pk=run.pk).state == (after if is_arrow else before)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_done_and_audited_or_refused_and_changes_nothing(name: str, as_alice: Actor) -> None:
    act, results = ACTIONS[name]
    for state in RunState.values:
        run = run_in(state)
        item = with_a_worker(run)
        rows = (MigrationRun.objects.filter(pk=run.pk).values(), MigrationItem.objects.filter(pk=item.pk).values())
        before, audited = [list(row.all()) for row in rows], told()
        if state in results:
            act(run, as_alice)
            assert MigrationRun.objects.get(pk=run.pk).state == results[state], state
            assert told() == [*audited, (name, "alice", "web")]
        else:
            with pytest.raises(MigrationRefused, match=f"Run {run.pk} is "):
                act(run, as_alice)
            assert [list(row.all()) for row in rows] == before, state
            assert told() == audited


def test_a_run_that_failed_is_tried_again_and_not_resumed(db: None) -> None:
    run = run_in("failed")

    with pytest.raises(MigrationRefused, match=f"--retry-failed {run.pk}"):
        control.resume(run, OPERATOR)


def test_what_stands_still_or_is_over_is_not_interrupted(as_alice: Actor) -> None:
    for state in RunState.values:
        run = run_in(state)
        moves = state in ("queued", "running")

        assert control.interrupt(run, as_alice, note="told to") == moves
        run.refresh_from_db()
        assert (run.state, run.note) == (("interrupted", "told to") if moves else (state, "why"))
    assert told() == [("interrupted", "alice", "web")] * 2


def test_a_run_to_a_store_that_is_not_configured_is_not_made(stores: Stores) -> None:
    with pytest.raises(MigrationRefused, match=r"No store 'nowhere' is configured; there is .*there"):
        control.create(MigrationRun(destination="nowhere"), OPERATOR)

    assert not MigrationRun.objects.exists()
    assert told() == []


def test_a_pausing_run_is_paused_when_the_last_lease_is_over(db: None) -> None:
    run = run_in("running")
    item = with_a_worker(run)
    control.pause(run, OPERATOR)
    assert not control.settle(run)
    assert run.state == RunState.PAUSING

    MigrationItem.objects.filter(pk=item.pk).update(lease_until=database_now())
    assert not control.settle(run)
    control.settle(run)

    assert run.state == RunState.PAUSED
    assert told() == [("pausing", "", "command"), ("paused", "", SYSTEM.via)]


def test_a_paused_run_does_nothing_until_it_is_resumed(stores: Stores, store: Store, alice: User) -> None:
    row = store().current_attachment()
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    control.pause(run, Actor(alice, "admin"))

    assert not runner.work_on(run.pk)
    row.refresh_from_db()
    assert row.storage_type == stores.here
    control.resume(run, Actor(alice, "admin"))
    runner.work_on(run.pk)

    assert outcomes(run) == {"done": 1}
    assert [action for action, _, _ in told()] == [
        *("created", "begun", "pausing", "paused", "resumed", "begun", "succeeded")
    ]
    assert {name for action, name, _ in told() if action in ("pausing", "resumed")} == {"alice"}


def test_a_cancelled_run_frees_its_rows_and_another_moves_them(stores: Stores, store: Store) -> None:
    moved, row = store(b"moved").current_attachment(), store(b"not yet").current_attachment()
    run = control.create(MigrationRun(destination=stores.there, max_items=1), OPERATOR)
    runner.work_on(run.pk)
    second = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(second)
    complete_plan(second)
    control.cancel(second, OPERATOR)

    assert (second.state, outcomes(second)) == (RunState.CANCELLED, {"skipped:cancelled": 1})
    assert not MigrationItem.objects.filter(holds_row=True).exists()
    assert outcomes(run_to(stores.there)) == {"done": 1}
    assert {is_whole(moved), is_whole(row)} == {True}
    assert moved.storage_type == row.storage_type == stores.there


def test_what_a_run_let_go_when_it_failed_is_held_again_when_it_is_retried(stores: Stores, store: Store) -> None:
    row = store().current_attachment()
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    complete_plan(run)
    control.fail(run, "Its destination is not configured here")
    assert not item_of(run, row).holds_row

    assert control.retry_failed(run, OPERATOR) == 1

    assert item_of(run, row).holds_row
    runner.work_on(run.pk)
    assert outcomes(run) == {"done": 1}


def test_what_another_run_has_by_now_is_not_retried(stores: Stores, store: Store) -> None:
    row = store().current_attachment()
    failed = run_of_rows(1)
    failed.items.update(object_id=row.pk, source_type=stores.here)
    other = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(other)

    with pytest.raises(MigrationRefused, match=f"Run {other.pk} has rows") as refused:
        control.retry_failed(failed, OPERATOR)

    assert refused.value.run_id == other.pk
    assert (MigrationRun.objects.get(pk=failed.pk).state, outcomes(failed)) == (
        RunState.FAILED,
        {"failed:object-not-found": 1},
    )


@pytest.mark.parametrize("kind", RunKind.values)
def test_an_empty_vault_is_moved_verified_and_purged_at_once(stores: Stores, kind: str) -> None:
    run = run_to(stores.there, kind=kind)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {})
    assert [action for action, _, _ in told()] == ["created", "begun", "succeeded"]
