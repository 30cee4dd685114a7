"""Working on a run: its plan is completed, its items are done in stretches, its state brought to where it leads."""

import math
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from documents.errors import ConfigurationError
from migrations_tools import control
from migrations_tools.attempts import Halt
from migrations_tools.errors import MigrationRefused
from migrations_tools.models import MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.stretch import Stretch

log = structlog.get_logger(__name__)


def work_on(
    run_id: int,
    *,
    longest: timedelta | None = None,
    keep: Callable[[], bool] = lambda: True,
    alone: bool = False,
) -> bool:
    """Work on a run for about ``longest``, or until nothing is left to do. Returns whether there is more to do.

    As many workers may be at it as the run may have, each with its part of the bandwidth; one that is ``alone`` has the
    whole. ``keep`` is called twice a second, and ends the work where it returns False. What stops a run is written into
    its ``note``. Safe to repeat, and to be killed anywhere.
    """
    run = MigrationRun.objects.filter(pk=run_id).first()
    if run is None or not control.begin(run):
        return run is not None and control.settle(run)
    try:
        complete_plan(run, lambda _count: keep())
        if run.planned_at is None:
            return control.settle(run)  # somebody stopped it: whoever goes on plans the rest first
        until = math.inf if longest is None else time.monotonic() + longest.total_seconds()
        with Stretch(run, until, keep, run.bandwidth / (1 if alone else run.workers)) as stretch:
            stretch.work()
    except MigrationRefused as error:
        control.fail(run, str(error))
    except ConfigurationError as error:
        # A process of the vault that lacks the destination could give nobody what is moved there.
        log.warning("worker_not_configured", run=run.pk, error=str(error))
        control.interrupt(run, note=f"{error} Give all processes of the vault the same settings, and start them anew")
        return False
    except Halt as halt:
        control.interrupt(run, note=str(halt))
    return control.settle(run)
