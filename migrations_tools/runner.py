"""The loop of a worker: take a batch, do it with some threads, write what came of it; until the run is over.

The database is asked in this thread alone; the threads of the pool ask stores. Between two waits the loop looks whether
the run is still to go on and renews its lease. Whoever kills it loses the copies in flight and nothing else.
"""

import math
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction

from documents.errors import (
    BucketNotFound,
    ConfigurationError,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageFull,
)
from documents.wiring import vault_config
from migrations_tools import control
from migrations_tools.copying import CHANGED, CopyWork
from migrations_tools.errors import MigrationRefused
from migrations_tools.leases import give_back, put_off, renew, take_items
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.pace import Pace, Stopped
from migrations_tools.places import Places
from migrations_tools.plan import complete_plan
from migrations_tools.purging import PurgeWork
from migrations_tools.rows import has_left
from migrations_tools.states import ItemState, RunKind, RunState
from migrations_tools.steps import Step, Work, end
from migrations_tools.verifying import VerifyWork

log = structlog.get_logger(__name__)

WORKS: dict[str, Callable[[MigrationRun, Places, Pace], Work]] = {
    RunKind.COPY: CopyWork,
    RunKind.VERIFY: VerifyWork,
    RunKind.PURGE: PurgeWork,
}
# An object that no store answered for so often has failed; with the pauses between, some ten minutes.
MOST_ATTEMPTS = 8
LONGEST_PAUSE = timedelta(minutes=2)
# Whoever finds no free item waits so long for one before it looks again.
IDLE = 0.2
# Seconds between two looks at the run and at the lease.
TICK = 0.5


def work_on(run_id: int, *, longest: timedelta | None = None, keep: Callable[[], bool] = lambda: True) -> bool:
    """Work on a run for about ``longest``, or until nothing is left to do. Returns whether there is more to do.

    Any number of workers may be at it. ``keep`` is called twice a second, and ends the work where it returns False.
    What stops a run is written into its ``note``. Safe to repeat, and to be killed anywhere.
    """
    run = MigrationRun.objects.filter(pk=run_id).first()
    if run is None or not control.begin(run):
        return run is not None and control.settle(run)
    try:
        complete_plan(run, lambda _count: keep())
        until = math.inf if longest is None else time.monotonic() + longest.total_seconds()
        with _Stretch(run, until, keep) as stretch:
            stretch.work()
    except (MigrationRefused, ConfigurationError) as error:
        control.fail(run, str(error))
    except _Halt as halt:
        control.interrupt(run, note=str(halt))
    return control.settle(run)


class _Halt(Exception):
    """Going on would only fail for every other item too: the message says why."""


@dataclass
class _Stretch:
    """One worker's part of a run, with its pool of threads."""

    run: MigrationRun
    until: float
    keep: Callable[[], bool]
    pending: dict[Future[object], tuple[UUID, Step]] = field(default_factory=dict)

    def __enter__(self) -> "_Stretch":
        share = self.run.bandwidth / self.run.workers
        self._pace = Pace(threads=self.run.threads, bytes_per_second=share)
        self._places = Places()
        self._work = WORKS[self.run.kind](self.run, self._places, self._pace)
        self._pool = ThreadPoolExecutor(self.run.threads, thread_name_prefix=f"run-{self.run.pk}")
        self._lease = vault_config().migration.lease
        self._renewed = time.monotonic()
        return self

    def __exit__(self, *_error: object) -> None:
        """End what is in work: at its next piece, not at its end. What was taken is given back."""
        self._pace.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for token, step in self.pending.values():
            give_back(token, [step.item.pk])
        self.pending.clear()

    def work(self) -> None:
        while self._is_wanted():
            token, items = take_items(self.run, self.run.batch_size, lease=self._lease)
            if items:
                self._do(token, items)
            elif not self.run.items.filter(state=ItemState.PENDING).exists():
                return
            else:
                time.sleep(IDLE)  # others are at work on the rest, or it waits to be tried again

    def _is_wanted(self) -> bool:
        """Whether there is time, and nobody stopped the run."""
        return time.monotonic() < self.until and self._goes_on()

    def _do(self, token: UUID, items: list[MigrationItem]) -> None:
        try:
            waiting = list(self._work.begin(token, items))
        except StorageError as error:
            give_back(token, [item.pk for item in items])
            raise _Halt(str(error)) from error
        try:
            while self.pending or (waiting and time.monotonic() < self.until):
                while waiting and len(self.pending) < self._pace.at_once and time.monotonic() < self.until:
                    self._submit(token, waiting.pop(0))
                done, _ = wait(self.pending, timeout=TICK, return_when=FIRST_COMPLETED)
                waiting[:0] = self._settle(done)
                if self._ticked(token) and not self._goes_on():
                    return
        finally:
            give_back(token, [step.item.pk for step in waiting])

    def _submit(self, token: UUID, step: Step) -> None:
        self.pending[self._pool.submit(step.call)] = (token, step)

    def _ticked(self, token: UUID) -> bool:
        if time.monotonic() - self._renewed < min(TICK, self._lease.total_seconds() / 3):
            return False
        self._renewed = time.monotonic()
        renew(token, lease=self._lease)
        return True

    def _goes_on(self) -> bool:
        """Whether nobody stopped the run, or took this worker's place."""
        self.run.refresh_from_db()
        return self.run.state == RunState.RUNNING and self.keep()

    def _settle(self, done: set[Future[object]]) -> list[Step]:
        """Write what came of these steps, in one transaction, and return the next steps of their items."""
        if not done:
            return []
        ended = [(*self.pending.pop(future), future.exception()) for future in done]
        # In the order of the plan, which is that of the rows' keys: whoever deletes several locks them in it as well.
        ended.sort(key=lambda each: each[1].item.pk)
        following = []
        with transaction.atomic(durable=True):
            for token, step, error in ended:
                if error is None:
                    self._pace.went_well()
                    if next_step := self._work.settle(token, step):
                        following.append(next_step)
        halts = [self._failed(token, step, error) for token, step, error in ended if error is not None]
        if halt := next(filter(None, halts), None):
            raise halt
        return following

    def _failed(self, token: UUID, step: Step, error: BaseException) -> "_Halt | None":
        """Write what came of a step that failed. Returns what the whole run has to stop for."""
        item = step.item
        if isinstance(error, Stopped):
            give_back(token, [item.pk])
            return None
        if not isinstance(error, StorageError):
            raise error
        if isinstance(error, (StorageFull, BucketNotFound)) or self._is_shut_out(error, item):
            give_back(token, [item.pk])
            return _Halt(str(error))
        if isinstance(error, ObjectNotFound) and has_left(item, self.run.kind):
            put_off(token, item.pk, code=CHANGED)  # what became of it is told when it is begun again
            return None
        if error.retryable:
            self._pace.slow_down()
            if item.attempts < MOST_ATTEMPTS:
                pause = min(LONGEST_PAUSE, timedelta(seconds=2 ** (item.attempts - 1)))
                put_off(token, item.pk, pause=pause, code=error.code, detail=str(error))
                return None
        log.warning("item_failed", run=self.run.pk, object_id=str(item.object_id), code=error.code, error=str(error))
        end(token, item, ItemState.FAILED, code=error.code, detail=str(error))
        return None

    def _is_shut_out(self, error: StorageError, item: MigrationItem) -> bool:
        """Whether a refusal is about this worker's credentials, and not about this one object."""
        if not isinstance(error, StorageAccessDenied):
            return False
        return error.provider != item.source_type or self._places.refuses_everything(item.source_type)
