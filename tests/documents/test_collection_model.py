"""The model test: uploads, deletions, crashes, time, and databases restored from yesterday, in any order.

After every step each object that a document of the current or of the newest database needs is there, whole: at its key,
or in the trash where an older database that was trusted put it. The same histories go red with a defence switched off.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from documents.errors import CollectionRefused
from documents.failpoints import NAMES
from documents.models.clock import database_now
from documents.services import references
from documents.storage.base import ObjectInfo, StorageProvider
from tests.documents.collecting import DAY, HOUR, ClockedStore
from tests.documents.collecting_world import World

STEPS = 40
HISTORIES_ON_COMMIT = 12
OPERATIONS = ["upload", "confirm", "discard", "delete", "collect", "collect", "collect", "sweep"]
WAITS = [HOUR, 13 * HOUR, 25 * HOUR, 8 * DAY]
CRASHES = [name for name in NAMES if not name.startswith(("download.", "link."))]


class Histories(RuleBasedStateMachine):
    """``make`` and ``monkeypatch`` are set by the test; ``steps`` counts over all histories."""

    make: Callable[[], World]
    monkeypatch: pytest.MonkeyPatch
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make()

    @rule(name=st.sampled_from(OPERATIONS))
    def somebody_does(self, name: str) -> None:
        getattr(self.world, name)()

    @rule(name=st.sampled_from(OPERATIONS), failpoint=st.sampled_from(CRASHES))
    def somebody_dies(self, name: str, failpoint: str) -> None:
        self.world.run_until_a_crash(self.monkeypatch, failpoint, name)

    @rule(by=st.sampled_from(WAITS))
    def time_passes(self, by: timedelta) -> None:
        self.world.wait(by)

    @rule()
    def a_document_is_stored(self) -> None:
        self.world.upload()
        self.world.confirm()

    @rule(by=st.sampled_from(WAITS[2:]))
    def days_pass_with_a_collector(self, by: timedelta) -> None:
        for _ in range(2):
            self.world.wait(by)
            self.world.sweep()
            self.world.collect()
            self.world.check()

    @rule(first=st.sampled_from(WAITS), waits=st.lists(st.sampled_from(WAITS), min_size=2, max_size=4))
    def a_backup_is_restored_before_the_next_pass(self, first: timedelta, waits: list[timedelta]) -> None:
        """What was stored since is unknown to it, and no number tells."""
        self.world.snapshot()
        self.a_document_is_stored()
        self.world.wait(first)
        self.world.restore_older(-1)
        self._collect_after(waits)

    @rule(waits=st.lists(st.sampled_from(WAITS[1:]), min_size=1, max_size=2))
    def an_app_needs_what_nobody_needed(self, waits: list[timedelta]) -> None:
        self.world.orphan()
        self._collect_after([WAITS[2]])
        self.world.hold()
        self._collect_after(waits)

    def _collect_after(self, waits: list[timedelta]) -> None:
        for by in waits:
            self.world.wait(by)
            self.world.collect()
            self.world.check()

    @rule(name=st.sampled_from(["begin_and_die", "orphan", "hold", "snapshot", "snapshot", "accept"]))
    def something_else_happens(self, name: str) -> None:
        getattr(self.world, name)()

    @rule(number=st.integers(0, 9))
    def an_older_database_is_restored(self, number: int) -> None:
        self.world.restore_older(number)

    @rule()
    def the_newest_database_is_put_back(self) -> None:
        self.world.put_newest_back()

    @invariant()
    def nothing_that_is_needed_is_lost(self) -> None:
        type(self).steps += 1
        self.world.check()


@pytest.fixture
def make(clocked: ClockedStore, alice: User) -> Callable[[], World]:
    return lambda: World(clocked, alice)


def run_histories(count: int, make: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run so many histories and return how many steps they had."""
    attributes = {"make": staticmethod(make), "monkeypatch": monkeypatch}
    machine = cast("type[Histories]", type("Histories", (Histories,), attributes))
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=count,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # a history of forty steps says enough, and shrinking it takes minutes
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        references.unregister("world")
    return machine.steps


def test_nothing_that_is_needed_is_ever_lost(make: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_histories(HISTORIES_ON_COMMIT, make, monkeypatch) > 200


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_that_is_needed_is_ever_lost_in_ten_thousand_steps(
    make: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    while steps < 10_000:
        steps += run_histories(50, make, monkeypatch)
    print(f"{steps:,} steps: nothing that is needed was lost")  # noqa: T201  # the figure of a long run


def without_a_second_sighting(monkeypatch: pytest.MonkeyPatch) -> None:
    from documents.services import collection, sightings  # noqa: PLC0415

    look = sightings.second_looks
    monkeypatch.setattr(collection, "second_looks", lambda *a, **k: look(*a, **{**k, "grace": timedelta()}))


def without_references_at_the_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    from documents.services import collection, sightings  # noqa: PLC0415

    def look_and_strike_nothing(provider: StorageProvider, listed: Sequence[ObjectInfo], *a: Any, **k: Any) -> None:
        needed = references.needed([info.key for info in listed])
        look(provider, [info for info in listed if info.key not in needed], *a, **k)

    look = sightings.first_look
    monkeypatch.setattr(collection, "first_look", look_and_strike_nothing)
    monkeypatch.setattr(sightings, "_is_still_left_over", lambda *_, **__: True)
    monkeypatch.setattr("documents.services.trash.references", SimpleNamespace(needed=lambda *_: set()))


def without_the_epoch_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    from documents.services import collection, epochs  # noqa: PLC0415

    def count_and_ask_nothing(provider: StorageProvider) -> datetime:
        with suppress(CollectionRefused):
            return count_up(provider)
        return database_now()

    count_up = epochs.ensure_current
    for module in (epochs, collection):
        monkeypatch.setattr(module, "ensure_current", count_and_ask_nothing)


def without_positive_knowledge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("documents.services.references.known", set)


def without_the_trash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("documents.services.trash.copy_verified", lambda *_: None)


HISTORIES: dict[Callable[[pytest.MonkeyPatch], None], list[tuple[str, object]]] = {
    # The older database was in use for a few hours; then somebody noticed.
    without_a_second_sighting: [
        *(("snapshot", None), ("upload", None), ("confirm", None), ("wait", 25 * HOUR)),
        *(("restore_older", 0), ("wait", HOUR), ("collect", None), ("wait", HOUR), ("collect", None)),
    ],
    without_references_at_the_second_look: [
        *(("orphan", None), ("wait", 25 * HOUR), ("collect", None), ("hold", None)),
        *(("wait", 25 * HOUR), ("collect", None)),
    ],
    # What was waiting in yesterday's database is a document in today's.
    without_the_epoch_guard: [
        *(("upload", None), ("snapshot", None), ("confirm", None), ("collect", None), ("restore_older", 0)),
        *(("wait", 25 * HOUR), ("sweep", None)),
    ],
    # Restored to a moment after the last pass: no number tells.
    without_positive_knowledge: [
        *(("collect", None), ("snapshot", None), ("upload", None), ("confirm", None), ("restore_older", 0)),
        *(("wait", 25 * HOUR), ("collect", None), ("wait", 25 * HOUR), ("collect", None)),
        *(("wait", 8 * DAY), ("collect", None)),
    ],
    without_the_trash: [
        *(("collect", None), ("snapshot", None), ("upload", None), ("confirm", None), ("restore_older", 0)),
        *(("wait", 25 * HOUR), ("collect", None), ("wait", 25 * HOUR), ("collect", None)),
    ],
}


def play(world: World, history: list[tuple[str, object]]) -> None:
    try:
        for name, value in history:
            getattr(world, name)(*([] if value is None else [value]))
            world.check()
    finally:
        references.unregister("world")


@pytest.mark.parametrize("defence", HISTORIES, ids=lambda defence: defence.__name__)
def test_a_history_is_survived_with_every_defence(
    make: Callable[[], World], defence: Callable[[pytest.MonkeyPatch], None]
) -> None:
    play(make(), HISTORIES[defence])


@pytest.mark.parametrize("switch_off", HISTORIES, ids=lambda defence: defence.__name__)
def test_and_loses_something_without_one(
    make: Callable[[], World], monkeypatch: pytest.MonkeyPatch, switch_off: Callable[[pytest.MonkeyPatch], None]
) -> None:
    world = make()
    switch_off(monkeypatch)

    with pytest.raises(AssertionError, match=r"lost|moved"):
        play(world, HISTORIES[switch_off])
