"""How fast a worker goes: less where a store asks for it, more again later, within its bandwidth, and not at all."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import connection

from documents.storage.base import ObjectReader, StorageProvider
from documents.storage.capabilities import UnfinishedWrites
from documents.storage.hashing import checksum_of
from documents.storage.memory import MemoryProvider
from migrations_tools import control, pace, runner
from migrations_tools.leases import is_held
from migrations_tools.models import MigrationRun
from migrations_tools.pace import FIRST_PAUSE, LONGEST_PAUSE, QUIET, Pace, Stopped
from migrations_tools.states import RunState
from migrations_tools.transfer import Order, copy_object
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, outcomes

# Bytes of an object that is read in several pieces, of 1 MiB each.
LARGE = 3 * 2**20


class Clock:
    """Seconds that pass where somebody waits, and at no other time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock.now += timeout or 0
            return self.is_set()

    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr(pace, "threading", SimpleNamespace(Lock=threading.Lock, Event=Waiting))
    return clock


def waited(pace: Pace, clock: Clock) -> float:
    before = clock.now
    pace.begin()
    return clock.now - before


def test_each_answer_slow_down_halves_what_is_in_work_down_to_one(clock: Clock) -> None:
    pace, seen = Pace(threads=9), []
    for _ in range(5):
        pace.slow_down()
        seen.append(pace.at_once)
        pace.begin()

    assert seen == [4, 2, 1, 1, 1]


def test_everybody_waits_a_moment_and_longer_each_time(clock: Clock) -> None:
    pace, pauses = Pace(threads=8), []
    assert waited(pace, clock) == 0
    for _ in range(10):
        pace.slow_down()
        pauses.append(waited(pace, clock))

    assert pauses[:4] == [FIRST_PAUSE * 2**number for number in range(4)]
    assert pauses[-1] == LONGEST_PAUSE


def test_what_was_in_work_together_is_one_answer(clock: Clock) -> None:
    pace = Pace(threads=8)
    for _ in range(8):
        pace.slow_down()

    assert pace.at_once == 4
    assert waited(pace, clock) == FIRST_PAUSE


@pytest.mark.parametrize("threads", [1, 8])
def test_it_recovers_step_by_step_and_forgets_its_pauses(clock: Clock, threads: int) -> None:
    pace, seen = Pace(threads=threads), []
    for _ in range(4):
        pace.slow_down()
        pace.begin()
    for _ in range(threads + 1):
        for _ in range(QUIET):
            pace.went_well()
        seen.append(pace.at_once)

    assert seen == [min(threads, number) for number in range(2, threads + 3)]
    pace.slow_down()
    assert waited(pace, clock) == FIRST_PAUSE


def test_an_object_that_went_well_between_two_complaints_changes_nothing(clock: Clock) -> None:
    pace = Pace(threads=8)
    pace.slow_down()
    pace.begin()
    for _ in range(QUIET - 1):
        pace.went_well()
    pace.slow_down()

    assert pace.at_once == 2


def test_all_threads_together_pass_on_no_more_than_the_bandwidth(clock: Clock) -> None:
    pace = Pace(threads=3, bytes_per_second=1000)
    each = [pace.pass_on(memoryview(bytes(500)) for _ in range(10)) for _ in range(3)]
    began = clock.now
    for pieces in zip(*each, strict=True):
        assert [len(piece) for piece in pieces] == [500] * 3

    # The first piece passes at once: 29 pieces of half a second.
    assert clock.now - began == pytest.approx(14.5)


def test_without_a_bandwidth_nobody_waits(clock: Clock) -> None:
    pieces = list(Pace(threads=1).pass_on(memoryview(bytes(500)) for _ in range(10)))

    assert (len(pieces), clock.now) == (10, Clock().now)


@pytest.mark.parametrize("bandwidth", [0, 1])
def test_what_is_stopped_begins_nothing_and_passes_nothing_on(bandwidth: int) -> None:
    pace = Pace(threads=1, bytes_per_second=bandwidth)
    pieces = pace.pass_on(memoryview(bytes(500)) for _ in range(10))
    next(pieces)
    pace.stop()

    with pytest.raises(Stopped):
        next(pieces)
    with pytest.raises(Stopped):
        pace.begin()


def test_a_large_copy_that_is_stopped_leaves_nothing(here: StorageProvider) -> None:
    class Source(MemoryProvider):
        def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
            opened.set()
            return super().open(key, start=start, length=length)

    opened, source, pace = threading.Event(), Source(), Pace(threads=1, bytes_per_second=1)
    body, object_id = bytes(LARGE), uuid4()
    place = f"stopped/{object_id}/"
    key = f"{place}{object_id}.vlt"
    source.put_bytes(key, body)
    order = Order(object_id, key, key, LARGE, checksum_of(body).removeprefix("sha256:"))
    with ThreadPoolExecutor(1) as pool:
        copied = pool.submit(copy_object, source, here, order, pace)
        assert opened.wait(30)
        pace.stop()  # at one byte a second it would be at it for weeks

    assert isinstance(copied.exception(30), Stopped)
    assert not here.exists(key)
    if isinstance(here, UnfinishedWrites):
        # Of its own: in the bucket of this worker other tests leave theirs.
        assert here.remove_unfinished(older_than=timedelta(), only=lambda path: path.startswith(place)) == 0


@pytest.mark.django_db(transaction=True)
def test_a_pause_ends_a_large_copy_and_gives_its_item_back(
    stores: Stores, store: Store, there: StorageProvider
) -> None:
    store(bytes(LARGE))
    run = control.create(MigrationRun(destination=stores.there, bandwidth=1, workers=1), OPERATOR)

    def work() -> bool:
        try:
            return runner.work_on(run.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        worked = pool.submit(work)
        deadline = time.monotonic() + 30
        while not is_held(run) and time.monotonic() < deadline:
            time.sleep(0.01)
        control.pause(run, OPERATOR)

    assert worked.result(30) is False
    run.refresh_from_db()
    assert (run.state, outcomes(run)) == (RunState.PAUSED, {"pending": 1})
    assert run.items.filter(attempts__lte=1, lease=None).exists()
    assert list(there.iter_locations()) == []


def test_a_worker_that_comes_back_to_its_run_begins_as_it_stopped() -> None:
    earlier = Pace(threads=8, run_id=1)
    earlier.slow_down()
    earlier.stop()

    assert (Pace(threads=8, run_id=1).at_once, Pace(threads=8, run_id=2).at_once) == (4, 8)
    later = Pace(threads=8, run_id=2)
    later.stop()
    assert Pace(threads=8, run_id=1).at_once == 8
