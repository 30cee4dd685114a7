"""Celery's doors to runs: wake-ups with ids. Each is harmless twice, in parallel, days late."""

from datetime import timedelta

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError

from documents.redaction import redacted
from migrations_tools import control, workers
from migrations_tools.models import MigrationRun
from migrations_tools.reports.keeping import keep_report, keep_reports
from migrations_tools.runner import work_on
from migrations_tools.states import MOVING

log = structlog.get_logger(__name__)

# So long a worker stays with a run before others get a turn: in a process that does every task, sweeps come between.
STRETCH = timedelta(seconds=20)
# One object of 5 TB, the most that stores take, is copied and read back in two days at 60 MB/s.
LONGEST = int(timedelta(days=2).total_seconds())


@shared_task(time_limit=LONGEST)
def work_on_run(run_id: int, number: int, ticket: str) -> None:
    """Work on a run for a while, and come back if there is more; keep its report where there is none.

    Ends where another has the place by now. While the broker is away it stays.
    """
    # The ticket is used up: the same message, delivered again while this worker is at it, has none.
    place = workers.Place(run_id, number, ticket).hand_on()
    while place is not None and work_on(run_id, longest=STRETCH, keep=place.keep):
        place = place.hand_on()
        if place is not None and _is_sent(place):
            return
    if place is None:
        return
    # A run that is resumed at once finds its places free.
    place.leave()
    for run in MigrationRun.objects.filter(pk=run_id):
        keep_report(run)


@shared_task
def sweep_runs() -> None:
    """Wake the runs that should be moving: a message was lost, a worker died, a broker came back.

    What is over and has no report, or one that nobody could sign, gets it here.
    """
    for run in MigrationRun.objects.filter(state__in=MOVING):
        if control.settle(run):
            wake(run)
    keep_reports()


def wake(run: MigrationRun) -> None:
    """Have workers come to the run, as many as it may have and where none is. Raises OSError without a broker."""
    for place in workers.free_places(run):
        _send(place)


def _is_sent(place: workers.Place) -> bool:
    try:
        _send(place)
    except (OperationalError, OSError) as error:
        log.warning("broker_away", run=place.run_id, error=redacted(str(error)))
        return False
    return True


def _send(place: workers.Place) -> None:
    work_on_run.delay(place.run_id, place.number, place.ticket)
