"""The model test: uploads, attributes, deletions, crashes, time, and databases restored from yesterday, in any order.

After every step each object that a document, a payload or a staged upload of the current or of the newest database
needs is there, whole: at its place, or in the trash where an older database that was trusted put it. One of the two
stores lies inside the other. With a defence switched off something is lost: ``test_collection_defences``.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from documents.failpoints import NAMES
from documents.services.collection import Wish, collect
from tests.documents.collecting import DAY, HOUR
from tests.documents.collecting_world import World

STEPS = 25
HISTORIES_ON_COMMIT = 5
UPLOADS = ["upload", "upload_to_the_archive", "upload_below"]
PAYLOADS = ["annotate", "annotate", "clear_attributes", "dehydrate", "claim", "let_go", "release"]
TASKS = ["sweep", "collect", "collect", "collect_bucket", "collect_archive"]
OPERATIONS = [*UPLOADS, "confirm", "discard", "delete", *PAYLOADS, *TASKS]
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

    @rule(upload=st.sampled_from(UPLOADS), has_attributes=st.booleans())
    def a_document_is_stored(self, upload: str, has_attributes: bool) -> None:
        getattr(self.world, upload)()
        self.world.confirm()
        if has_attributes:
            self.world.annotate()

    @rule(by=st.sampled_from(WAITS[2:]))
    def days_pass_with_a_collector(self, by: timedelta) -> None:
        for _ in range(2):
            self.world.wait(by)
            self.world.sweep()
            self.world.collect()
            self.world.check()

    @rule(
        upload=st.sampled_from([*UPLOADS, "upload_during_a_backup"]),
        first=st.sampled_from(WAITS),
        waits=st.lists(st.sampled_from(WAITS), min_size=2, max_size=4),
    )
    def a_backup_is_restored_before_the_next_pass(self, upload: str, first: timedelta, waits: list[timedelta]) -> None:
        """What was stored since is unknown to it, and no number tells."""
        self.world.snapshot()
        self.a_document_is_stored(upload, has_attributes=True)
        self.world.wait(first)
        self.world.restore_older(-1)
        self._collect_after(waits)

    @rule(upload=st.sampled_from(UPLOADS), cleared=st.sampled_from(TASKS[2:]), other=st.sampled_from(TASKS[2:]))
    def a_backup_has_an_upload_that_was_confirmed_since(self, upload: str, cleared: str, other: str) -> None:
        self._the_newest_is_in_use()
        getattr(self.world, upload)()
        self.world.snapshot()
        self.world.confirm()
        getattr(self.world, cleared)()
        self.world.restore_older(-1)
        for name in (other, "sweep"):
            self.world.wait(WAITS[2])
            getattr(self.world, name)()
            self.world.check()

    @rule(waits=st.lists(st.sampled_from(WAITS[:3]), min_size=1, max_size=3), backup=st.booleans())
    def a_value_is_claimed_late(self, waits: list[timedelta], backup: bool) -> None:
        self._the_newest_is_in_use()
        self.world.dehydrate()
        for by in waits:
            self.world.wait(by)
            self.world.sweep()
            self.world.check()
        if backup:
            self.world.snapshot()
        self.world.claim()
        self.world.collect()
        if backup:
            self.world.restore_older(-1)
        self.world.wait(WAITS[2])
        self.world.sweep()
        self.world.check()

    @rule(waits=st.lists(st.sampled_from(WAITS[1:]), min_size=1, max_size=2))
    def an_app_needs_what_nobody_needed(self, waits: list[timedelta]) -> None:
        self.world.orphan()
        self._collect_after([WAITS[2]])
        self.world.hold()
        self._collect_after(waits)

    def _the_newest_is_in_use(self) -> None:
        """And may go to work, whatever an older one counted."""
        self.world.put_newest_back()
        self.world.accept()

    def _collect_after(self, waits: list[timedelta]) -> None:
        for by in waits:
            self.world.wait(by)
            self.world.collect()
            self.world.check()

    @rule(
        name=st.sampled_from(
            [
                *("begin_and_die", "begin_in_the_archive_and_die", "orphan", "hold"),
                *("snapshot", "snapshot", "upload_during_a_backup", "accept", "accept_archive"),
            ]
        )
    )
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


def run_histories(count: int, make_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run so many histories and return how many steps they had."""
    attributes = {"make": staticmethod(make_world), "monkeypatch": monkeypatch}
    machine = cast("type[Histories]", type("Histories", (Histories,), attributes))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # so many steps say enough, and shrinking it takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
    return machine.steps


def test_nothing_that_is_needed_is_ever_lost(make_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_histories(HISTORIES_ON_COMMIT, make_world, monkeypatch) >= 100


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_that_is_needed_is_ever_lost_in_ten_thousand_steps(
    make_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    while steps < 10_000:
        steps += run_histories(50, make_world, monkeypatch)
    print(f"{steps:,} steps: nothing that is needed was lost")  # noqa: T201  # the figure of a long run


def test_an_object_of_the_archive_is_listed_by_both_stores(make_world: Callable[[], World]) -> None:
    """Else none of this shows anything about stores that overlap."""
    world = make_world()
    world.upload_to_the_archive()
    world.upload_below()
    world.upload()
    world.confirm()
    world.dehydrate()

    reports = {report.store: report.scanned for report in collect(Wish(dry_run=True))}

    assert reports == {"bucket": 4, "archive": 3}
