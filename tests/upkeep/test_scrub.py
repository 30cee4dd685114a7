"""A scrub that is interrupted again and again: it is tried less and less, and not for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from documents.models import AuditEvent, UpkeepRun, UpkeepShare
from documents.models.clock import database_now
from documents.models.upkeep import UpkeepState
from documents.services.actors import Actor
from documents.upkeep import runs, scrub
from documents.upkeep.scrub import begin_scrub_if_due
from tests.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """By how much the database's clock is ahead."""
    ahead = [timedelta()]
    monkeypatch.setattr(scrub, "database_now", lambda: database_now() + ahead[0])
    return ahead


def hours_of_tries(run: UpkeepRun, clock: list[timedelta], *, hours: int) -> list[int]:
    """Deliver the task every hour, and interrupt what it resumes at once. Returns the hours in which it did."""
    tried = []
    for hour in range(hours):
        clock[0] = hour * HOUR
        if begin_scrub_if_due():
            tried.append(hour)
            runs.interrupt(run, note="The store does not answer.")
    return tried


@pytest.fixture
def interrupted(store: Store) -> UpkeepRun:
    store()
    run = begin_scrub_if_due()
    assert run
    runs.interrupt(run, note="The store does not answer.")
    return run


def test_a_scrub_that_comes_no_further_is_tried_less_and_less(interrupted: UpkeepRun, clock: list[timedelta]) -> None:
    tried = hours_of_tries(interrupted, clock, hours=24 * 5)

    assert tried == [0, 2, 6, 14, 30, 54, 78, 102]
    assert AuditEvent.objects.filter(action="verification.resumed").count() == len(tried)


def test_one_that_came_further_goes_on_at_once(interrupted: UpkeepRun, clock: list[timedelta]) -> None:
    assert hours_of_tries(interrupted, clock, hours=6) == [0, 2]
    UpkeepShare.objects.update(seen=F("seen") + 1)

    assert begin_scrub_if_due() == interrupted


def test_one_that_leads_nowhere_is_given_up_when_the_next_is_due(
    interrupted: UpkeepRun, clock: list[timedelta], settings: Settings
) -> None:
    hours_of_tries(interrupted, clock, hours=3)
    clock[0] = settings.VAULT.scrub.interval

    following = begin_scrub_if_due()

    interrupted.refresh_from_db()
    assert interrupted.state == UpkeepState.CANCELLED
    assert following
    assert following.pk != interrupted.pk
    assert following.state == UpkeepState.RUNNING


def test_where_scrubbing_is_off_nothing_is_resumed(interrupted: UpkeepRun, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, scrub=replace(settings.VAULT.scrub, enabled=False))

    assert begin_scrub_if_due() is None


def test_a_run_that_an_operator_ended_meanwhile_is_no_fault(
    interrupted: UpkeepRun, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = scrub._seen

    def while_it_is_cancelled(run: UpkeepRun) -> int:
        if UpkeepRun.objects.get(pk=run.pk).state == UpkeepState.INTERRUPTED:
            runs.cancel(UpkeepRun.objects.get(pk=run.pk), operator)
        return seen(run)

    monkeypatch.setattr(scrub, "_seen", while_it_is_cancelled)

    assert begin_scrub_if_due() is None
