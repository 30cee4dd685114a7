"""Celery's doors to runs: wake-ups with ids. Each is harmless twice, in parallel, days late."""

from datetime import timedelta

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError

from documents.models import UpkeepRun
from documents.models.upkeep import UpkeepState
from documents.redaction import redacted
from documents.upkeep.errors import StandsAside
from documents.upkeep.scrub import begin_scrub_if_due
from documents.upkeep.shares import at_work
from documents.upkeep.worker import work_on

log = structlog.get_logger(__name__)

# So long a worker stays with a run before others get a turn: in a process that does every task, sweeps come between.
STRETCH = timedelta(seconds=20)


@shared_task
def work_on_run(run_id: int) -> None:
    """Work on a run for a while, and come back if there is more. While the broker is away it stays."""
    while _work_on(run_id):
        try:
            work_on_run.delay(run_id)
        except (OperationalError, OSError) as error:
            log.warning("broker_away", run=run_id, error=redacted(str(error)))
        else:
            return


def _work_on(run_id: int) -> bool:
    try:
        return work_on(run_id, longest=STRETCH)
    except StandsAside as aside:
        log.warning("worker_stands_aside", run=run_id, reason=str(aside))
        UpkeepRun.objects.filter(pk=run_id, state=UpkeepState.RUNNING).update(note=str(aside))
        return False


@shared_task
def sweep_runs() -> None:
    """Wake the runs that should be moving: a message was lost, a worker died, a broker came back."""
    for run in UpkeepRun.objects.filter(state=UpkeepState.RUNNING):
        wake(run)


@shared_task
def scrub() -> None:
    """Begin to look at everything that is stored, where it is time again."""
    if run := begin_scrub_if_due():
        wake(run)


def wake(run: UpkeepRun) -> None:
    """Have workers come to the run, as many as it may have and where none is. Raises OSError without a broker."""
    for _place in range(run.workers - at_work(run)):
        work_on_run.delay(run.pk)
