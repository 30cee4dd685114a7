"""Workers of a run: as many as it may have, whatever is delivered how often."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from kombu.exceptions import OperationalError

from documents.models.clock import database_now
from migrations_tools import control, stretch, tasks
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.pace import Pace
from migrations_tools.plan import complete_plan
from migrations_tools.runner import work_on
from migrations_tools.states import RunState
from migrations_tools.workers import SILENT, Place, free_places, last_sign_of_life, take_all
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, is_whole, outcomes
from tests.migrations_tools.test_leases import end_leases
from tests.migrations_tools.working import deliver, fall_silent, new_run
from tests.parallel import in_parallel

LEASE = timedelta(minutes=5)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """What was sent to workers that never take it."""
    messages: list[Place] = []
    monkeypatch.setattr(
        tasks.work_on_run, "apply_async", lambda args, _kwargs=None, **_options: messages.append(Place(*args))
    )
    return messages


def test_each_place_is_taken_once_however_many_ask(stores: Stores) -> None:
    run = new_run(stores, workers=3)

    assert [place.number for place in free_places(run)] == [0, 1, 2]
    assert list(free_places(run)) == []


@pytest.mark.django_db(transaction=True)
def test_ten_who_wake_a_run_together_take_each_place_once(stores: Stores) -> None:
    run = new_run(stores, workers=3)
    for _ in range(2):
        taken = [place for places in in_parallel(lambda: list(free_places(run))) for place in places]
        assert sorted(place.number for place in taken) == [0, 1, 2]
        assert all(place.keep() for place in taken)
        fall_silent(run)


def test_a_silent_place_is_given_to_another_and_the_earlier_message_has_none(
    stores: Stores, store: Store, sent: list[Place]
) -> None:
    row, run = store().current_attachment(), new_run(stores, workers=1)
    [first] = free_places(run)
    fall_silent(run)
    [second] = free_places(run)

    deliver(first)

    row.refresh_from_db()
    assert (row.storage_type, MigrationRun.objects.get(pk=run.pk).state) == (stores.here, RunState.QUEUED)
    assert (first.keep(), first.hand_on(), second.keep()) == (False, None, True)
    deliver(second)
    assert outcomes(run) == {"done": 1}
    assert sent == []


def test_a_sign_of_life_keeps_a_place(stores: Stores) -> None:
    run = new_run(stores, workers=1)
    [place] = free_places(run)
    fall_silent(run)

    assert place.keep()

    assert list(free_places(run)) == []


def test_many_wakes_send_no_more_messages_than_there_are_places(stores: Stores, sent: list[Place]) -> None:
    run = new_run(stores, workers=2)
    for _ in range(20):
        tasks.wake(run)
        tasks.sweep_runs()

    assert [(place.run_id, place.number) for place in sent] == [(run.pk, 0), (run.pk, 1)]


def test_the_sweeper_wakes_silent_places_alone(stores: Stores, sent: list[Place]) -> None:
    run = new_run(stores, workers=3)
    tasks.wake(run)
    run.places.filter(number=1).update(seen_at=database_now() - SILENT)
    sent.clear()

    tasks.sweep_runs()

    assert [place.number for place in sent] == [1]


def test_the_sweeper_wakes_no_run_that_stands_still_or_is_over(stores: Stores, sent: list[Place]) -> None:
    for state in RunState:
        MigrationRun.objects.create(destination=stores.there, state=state, workers=1)

    tasks.sweep_runs()

    woken = MigrationRun.objects.filter(pk__in=[place.run_id for place in sent])
    assert {run.state for run in woken} == {RunState.QUEUED, RunState.RUNNING}
    assert not MigrationRun.objects.filter(state__in=[RunState.PAUSING, RunState.CANCELLING]).exists()


def busy_elsewhere(stores: Stores) -> MigrationRun:
    """A run whose one item another worker has."""
    run = new_run(stores, workers=1)
    control.begin(run)
    complete_plan(run)
    run.items.update(lease=uuid4(), lease_until=database_now() + LEASE)
    return run


def test_a_message_that_is_delivered_ten_times_is_followed_by_one(
    stores: Stores, store: Store, sent: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "STRETCH", timedelta(0))
    store()
    run = busy_elsewhere(stores)
    [place] = free_places(run)

    for _ in range(10):
        deliver(place)

    assert [(message.run_id, message.number) for message in sent] == [(run.pk, 0)]
    assert sent[0].ticket != place.ticket
    assert sent[0].keep()


def test_while_the_broker_is_away_a_worker_stays_with_its_run(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, tried = store().current_attachment(), list[object]()

    def away(*message: object, **_options: object) -> None:
        tried.append(message)
        if len(tried) == 3:
            MigrationItem.objects.update(lease=None, lease_until=None)  # whoever had the item is gone
        raise OperationalError("Error 111 connecting to redis://:secret@127.0.0.1")

    monkeypatch.setattr(tasks.work_on_run, "apply_async", away)
    monkeypatch.setattr(tasks, "STRETCH", timedelta(milliseconds=100))
    run = busy_elsewhere(stores)
    [place] = free_places(run)

    deliver(place)

    assert len(tried) >= 3
    assert outcomes(run) == {"done": 1}
    assert is_whole(row)
    assert run.places.count() == 0


@pytest.mark.parametrize("stop", [control.pause, control.cancel])
def test_a_worker_of_a_run_that_is_being_stopped_does_not_come_back(
    stores: Stores, store: Store, sent: list[Place], stop: Callable[..., None]
) -> None:
    """Whoever has the last item brings the run to its end, or the sweeper does: messages would go round and round."""
    store()
    run = busy_elsewhere(stores)
    stop(run, OPERATOR)
    [place] = free_places(run)

    deliver(place)

    assert sent == []
    assert run.state in (RunState.PAUSING, RunState.CANCELLING)
    end_leases()
    tasks.sweep_runs()
    run.refresh_from_db()
    assert run.state in (RunState.PAUSED, RunState.CANCELLED)


def test_a_run_that_is_resumed_at_once_finds_its_places_free(stores: Stores, sent: list[Place]) -> None:
    run = new_run(stores, workers=1)
    control.begin(run)
    tasks.wake(run)
    control.pause(run, OPERATOR)
    deliver(sent.pop())
    control.resume(run, OPERATOR)

    tasks.wake(run)

    assert len(sent) == 1
    assert sent[0].keep()


def test_a_process_that_works_alone_has_every_place(stores: Stores) -> None:
    run = new_run(stores, workers=3)
    [first, *_] = free_places(run)

    alone = take_all(run)

    assert (first.keep(), first.hand_on(), alone.keep()) == (False, None, True)
    assert list(free_places(run)) == []
    another = take_all(run)
    assert (alone.keep(), another.keep()) == (False, True)
    alone.leave()
    assert another.keep()
    another.leave()
    assert run.places.count() == 0


def test_whoever_fell_silent_is_no_longer_alone(stores: Stores) -> None:
    run = new_run(stores, workers=2)
    alone = take_all(run)
    run.places.filter(number=1).update(seen_at=database_now() - SILENT)

    assert [place.number for place in free_places(run)] == [1]

    assert not alone.keep()
    seen_at = last_sign_of_life(run)
    assert seen_at is not None
    assert seen_at > database_now() - SILENT
    alone.leave()
    run.places.all().delete()
    assert last_sign_of_life(run) is None


@pytest.mark.parametrize(("alone", "share"), [(True, 1000), (False, 250)])
def test_each_worker_has_its_part_of_the_bandwidth(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, alone: bool, share: float
) -> None:
    rates: list[float] = []

    class Noted(Pace):
        def __init__(self, **how: Any) -> None:
            rates.append(how["bytes_per_second"])
            super().__init__(**how)

    monkeypatch.setattr(stretch, "Pace", Noted)
    run = new_run(stores, workers=4, bandwidth=1000)

    work_on(run.pk, alone=alone)

    assert rates == [share]
