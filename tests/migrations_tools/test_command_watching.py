"""What the command does while others work: it waits, and takes a run over that nobody is at."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from documents.models.clock import database_now
from migrations_tools import tasks
from migrations_tools.management import watching
from migrations_tools.models import MigrationRun
from tests.conftest import Store
from tests.migrations_tools.commanding import migrate
from tests.migrations_tools.moving import Stores, outcomes

TAKEN_OVER = "No worker is at it. This process does the work itself."
# The test delivers the messages itself, or nobody does.
pytestmark = pytest.mark.parametrize("broker", ["memory://"], indirect=True)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have something happen each time that the command sleeps: the first thing the first time, and so on."""
    sleep = time.sleep

    def happen(*events: Callable[[], object]) -> None:
        left = list(events)

        def slept(seconds: float) -> None:
            if left:
                left.pop(0)()
            sleep(min(seconds, 0.02))

        monkeypatch.setattr(time, "sleep", slept)

    return happen


def work_and_leave() -> None:
    """The workers that were sent for do all of it, and leave their places."""
    run = MigrationRun.objects.get()
    for place in run.places.all():
        tasks.work_on_run(run.pk, place.number, str(place.ticket))
    assert not run.places.exists()


def leave() -> None:
    """The workers go, and leave the work where it is."""
    MigrationRun.objects.get().places.all().delete()


def test_workers_that_end_the_run_between_two_looks_are_not_missed(
    stores: Stores, store: Store, broker: None, meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PATIENCE", timedelta(0))
    store()
    meanwhile(work_and_leave)

    answer = migrate(stores.there)

    assert (answer.status, outcomes(MigrationRun.objects.get())) == (0, {"done": 1})
    assert TAKEN_OVER not in answer.err


@pytest.mark.parametrize(("patience", "is_taken_over"), [(timedelta(hours=1), False), (timedelta(seconds=0.1), True)])
def test_a_run_whose_workers_left_is_taken_over_after_a_while_alone(
    stores: Stores,
    store: Store,
    broker: None,
    meanwhile: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    patience: timedelta,
    is_taken_over: bool,
) -> None:
    monkeypatch.setattr(watching, "PATIENCE", patience)
    monkeypatch.setattr(watching, "LOOK", 0.02)
    store()

    def come_back() -> None:
        run = MigrationRun.objects.get()
        if not is_taken_over:
            tasks.wake(run)
            work_and_leave()

    meanwhile(leave, *[lambda: None] * 5, come_back)

    answer = migrate(stores.there)

    assert (answer.status, outcomes(MigrationRun.objects.get())) == (0, {"done": 1})
    assert (TAKEN_OVER in answer.err) == is_taken_over


def test_a_worker_that_gives_signs_of_life_is_waited_for(
    stores: Stores, store: Store, broker: None, meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PATIENCE", timedelta(seconds=0.5))
    store()

    def live() -> None:
        for place in MigrationRun.objects.get().places.all():
            MigrationRun.objects.get().places.filter(pk=place.pk).update(seen_at=database_now())

    meanwhile(*[live] * 40, work_and_leave)

    answer = migrate(stores.there)

    assert (answer.status, TAKEN_OVER in answer.err) == (0, False)
