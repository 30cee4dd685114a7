"""Working on a run: its shares are done in batches, its rounds counted, its state brought to where it leads.

begin_run → any number of workers: take_share → step, step, … → finish → the last one makes the next round, or ends it
"""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from typing import Protocol

import structlog
from django.db import transaction

from documents.models import UpkeepRun
from documents.models.upkeep import UpkeepState
from documents.upkeep import runs
from documents.upkeep.errors import Halt
from documents.upkeep.reseal import ResealWork
from documents.upkeep.rewrap import RewrapWork
from documents.upkeep.shares import Lease, LeaseLost, add_round, free_shares, open_shares, take_share
from documents.upkeep.verify import VerifyWork

log = structlog.get_logger(__name__)


class Work(Protocol):
    """What one kind of run does, for one worker. The caller closes it."""

    def __init__(self, run: UpkeepRun) -> None: ...

    def scopes(self) -> list[tuple[str, int]]:
        """Return what one more round has to go through, and how many objects each has; [] where nothing is left."""
        ...

    def step(self, lease: Lease) -> bool:
        """Do the next batch of a share. Returns False where nothing is left of it. Raises LeaseLost, Halt."""
        ...

    def close(self) -> None: ...


KINDS: Mapping[str, type[Work]] = {
    UpkeepRun.Kind.REWRAP: RewrapWork,
    UpkeepRun.Kind.RESEAL: ResealWork,
    UpkeepRun.Kind.VERIFY: VerifyWork,
}


def work_on(run_id: int, *, longest: timedelta | None = None, keep: Callable[[], bool] = lambda: True) -> bool:
    """Work on a run for about ``longest``, or until nothing is free. Returns whether there is more to do now.

    ``keep`` is called after each batch, and ends the work where it returns False. What stops the run is written into
    its ``note``. Safe to repeat, in parallel, and to be killed anywhere. Raises StandsAside where others have to do it.
    """
    run = UpkeepRun.objects.filter(pk=run_id).first()
    if run is None:
        return False
    until = math.inf if longest is None else time.monotonic() + longest.total_seconds()

    def goes_on(stays_until: float = -math.inf) -> bool:
        run.refresh_from_db()
        return run.state == UpkeepState.RUNNING and keep() and time.monotonic() < max(until, stays_until)

    try:
        with closing(KINDS[run.kind](run)) as work:
            while goes_on():
                lease = take_share(run)
                if lease is None and not _settle(run, work):
                    break
                if lease is not None:
                    _do(lease, work, goes_on)
    except Halt as halt:
        log.warning("run_stands_still", run=run.pk, reason=str(halt))
        runs.interrupt(run, note=str(halt))
    return run.state == UpkeepState.RUNNING and (free_shares(run).exists() or not open_shares(run).exists())


def _do(lease: Lease, work: Work, goes_on: Callable[[float], bool]) -> None:
    try:
        while work.step(lease) and goes_on(lease.stays_until):
            pass
    except LeaseLost:
        log.warning("share_lost", share=lease.share.pk)
    finally:
        lease.release()


def _settle(run: UpkeepRun, work: Work) -> bool:
    """Make the next round where this one is done, or end the run. Returns whether there is a share to take."""
    if open_shares(run).exists():
        return False
    following = work.scopes()
    with transaction.atomic(durable=True):
        locked = UpkeepRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
        # Another worker may have made the next round meanwhile, and be at work on it.
        if locked.round == run.round and locked.state == UpkeepState.RUNNING:
            if following:
                add_round(locked, following)
            else:
                runs.end(locked)
    run.refresh_from_db()
    return run.state == UpkeepState.RUNNING
