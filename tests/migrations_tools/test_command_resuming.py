"""A run that exists is gone on with: its speed may be another from then on, and nothing else."""

from collections.abc import Callable

import pytest

from documents.models import AuditEvent
from migrations_tools import control
from migrations_tools.adjusting import Speed, adjust
from migrations_tools.errors import MigrationRefused
from migrations_tools.models import MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.states import RunState
from migrations_tools.workers import free_places
from tests.conftest import Store
from tests.migrations_tools.commanding import migrate
from tests.migrations_tools.moving import OPERATOR, Stores, outcomes, run_to

FASTER = ("--bandwidth", "20M", "--workers", "3", "--threads", "1", "--batch-size", "7")


@pytest.fixture
def interrupted(stores: Stores, store: Store) -> MigrationRun:
    store()
    run = control.create(MigrationRun(destination=stores.there, bandwidth=5000), OPERATOR)
    complete_plan(run)
    control.interrupt(run)
    return run


def speed_of(run: MigrationRun) -> tuple[int, int, int, int]:
    run = MigrationRun.objects.get(pk=run.pk)
    return run.bandwidth, run.workers, run.threads, run.batch_size


def test_its_speed_is_changed_and_audited(interrupted: MigrationRun) -> None:
    assert migrate("--resume", "--inline", *FASTER).status == 0

    assert speed_of(interrupted) == (20_000_000, 3, 1, 7)
    assert outcomes(interrupted) == {"done": 1}
    changed = AuditEvent.objects.get(action="migration.changed")
    about = {"run": interrupted.pk, "kind": "copy", "destination": interrupted.destination}
    before = {"bandwidth_before": 5000, "workers_before": 2, "threads_before": 8, "batch_size_before": 100}
    after = {"bandwidth": 20_000_000, "workers": 3, "threads": 1, "batch_size": 7}
    assert (changed.via, changed.detail) == ("command", about | before | after)


def test_what_is_not_mentioned_stays_as_it_is(interrupted: MigrationRun) -> None:
    assert migrate(interrupted.destination, "--resume", str(interrupted.pk), "--threads", "1").status == 0

    assert speed_of(interrupted) == (5000, 2, 1, 100)
    detail = AuditEvent.objects.get(action="migration.changed").detail
    assert {name for name in detail if name not in ("run", "kind", "destination")} == {"threads", "threads_before"}


def test_without_any_wish_nothing_is_changed_or_audited(interrupted: MigrationRun) -> None:
    assert migrate("--resume").status == 0

    assert speed_of(interrupted) == (5000, 2, 8, 100)
    assert not AuditEvent.objects.filter(action="migration.changed").exists()


def test_a_run_that_is_tried_again_may_be_slower(stores: Stores, store: Store) -> None:
    store()
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(run)
    control.begin(run)
    control.fail(run, "as a whole")

    assert migrate("--retry-failed", str(run.pk), "--inline", "--bandwidth", "1M").status == 0

    assert (speed_of(run), outcomes(run)) == ((1_000_000, 2, 8, 100), {"done": 1})


OTHERS: dict[str, tuple[str, ...]] = {
    "--user": ("--user", "alice"),
    "--since": ("--since", "2026-01-31"),
    "--limit": ("--limit", "1"),
}


@pytest.mark.parametrize("flag", OTHERS)
@pytest.mark.parametrize("way", ["--resume", "--retry-failed"])
def test_what_it_is_about_is_not_changed(interrupted: MigrationRun, way: str, flag: str) -> None:
    answer = migrate(way, str(interrupted.pk), *OTHERS[flag], "--bandwidth", "1k")

    assert (answer.status, answer.out) == (2, "")
    assert answer.said == f"Run {interrupted.pk} keeps what it was made with: leave {flag} out."
    assert_untouched(interrupted)


@pytest.mark.parametrize("way", ["--resume", "--retry-failed"])
@pytest.mark.parametrize("store_of", [lambda stores: stores.here, lambda _stores: "nowhere"])
def test_another_store_than_its_own_is_refused(
    interrupted: MigrationRun, stores: Stores, way: str, store_of: Callable[[Stores], str]
) -> None:
    answer = migrate(store_of(stores), way, str(interrupted.pk), "--inline")

    assert answer.status == 2
    assert answer.said == (
        f"Run {interrupted.pk} goes to {stores.there!r}, not to {store_of(stores)!r}: leave the store out."
    )
    assert_untouched(interrupted)


def assert_untouched(run: MigrationRun) -> None:
    run.refresh_from_db()
    assert (run.state, speed_of(run), outcomes(run)) == (RunState.INTERRUPTED, (5000, 2, 8, 100), {"pending": 1})


def test_a_run_that_cannot_be_tried_again_keeps_its_speed(interrupted: MigrationRun) -> None:
    answer = migrate("--retry-failed", str(interrupted.pk), "--bandwidth", "1k")

    assert (answer.status, answer.said) == (2, f"Run {interrupted.pk} is interrupted: it cannot be retried now.")
    assert_untouched(interrupted)


def test_of_a_run_that_is_over_nothing_is_changed(stores: Stores) -> None:
    run = run_to(stores.there)

    answer = migrate("--resume", str(run.pk), "--bandwidth", "1k")

    assert (answer.status, answer.said) == (2, f"Run {run.pk} is succeeded: nothing of it can be changed.")
    with pytest.raises(MigrationRefused, match="nothing of it can be changed"):
        adjust(run, Speed(bandwidth=1000), OPERATOR)
    assert speed_of(run) == (0, 2, 8, 100)


def test_workers_beyond_a_smaller_number_stop(stores: Stores) -> None:
    run = control.create(MigrationRun(destination=stores.there, workers=3), OPERATOR)
    places = list(free_places(run))

    adjust(run, Speed(workers=1), OPERATOR)

    assert [place.keep() for place in places] == [True, False, False]
    assert list(free_places(run)) == []
    adjust(run, Speed(workers=2), OPERATOR)
    assert [place.number for place in free_places(run)] == [1]
