"""The loop of a worker: take a batch, do it with some threads, write what came of it; until the run is over.

The database is asked in this thread alone; the threads of the pool ask stores, and have something to do while this one
writes. What went well is written many items at a time. Between two waits the loop looks whether the run is still to go
on and renews its leases. Whoever kills it loses the copies in flight, and has those compared again that were not
written yet.
"""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.db import transaction

from documents.errors import ConfigurationError, ObjectNotFound, StorageError
from documents.wiring import vault_config
from migrations_tools.attempts import MOST_SURPRISES, SURPRISE, Halt, attempt, has_attempts_left, pause_after
from migrations_tools.copying import CHANGED, CopyWork
from migrations_tools.counters import count_attempt
from migrations_tools.leases import give_back, put_off, renew, take_items
from migrations_tools.models import MigrationRun
from migrations_tools.pace import Pace, Stopped
from migrations_tools.places import Places
from migrations_tools.plan import NOT_CONFIGURED
from migrations_tools.purging import PurgeWork
from migrations_tools.rows import has_left
from migrations_tools.states import ItemState, RunKind, RunState
from migrations_tools.steps import TOGETHER, Skip, Step, Work, end
from migrations_tools.verifying import VerifyWork

log = structlog.get_logger(__name__)

WORKS: dict[str, Callable[[MigrationRun, Places, Pace], Work]] = {
    RunKind.COPY: CopyWork,
    RunKind.VERIFY: VerifyWork,
    RunKind.PURGE: PurgeWork,
}
# Whoever finds no free item waits so long for one before it looks again.
IDLE = 0.2
# Seconds between two looks at the run and at the leases; nothing that went well waits longer to be written.
TICK = 0.5

Leased = tuple[UUID, Step]


@dataclass
class Stretch:
    """One worker's part of a run, with its pool of threads: ``waiting``, in work (``pending``), and done well.

    ``keep`` says twice a second whether the worker is still to be at it; ``bandwidth`` is its own, in bytes a second.
    """

    run: MigrationRun
    until: float
    keep: Callable[[], bool]
    bandwidth: float = 0
    waiting: list[Leased] = field(default_factory=list)
    pending: dict[Future[object], Leased] = field(default_factory=dict)
    done: list[Leased] = field(default_factory=list)

    def __enter__(self) -> "Stretch":
        self._pace = Pace(threads=self.run.threads, bytes_per_second=self.bandwidth, run_id=self.run.pk)
        self._places = Places()
        self._work = WORKS[self.run.kind](self.run, self._places, self._pace)
        self._pool = ThreadPoolExecutor(self.run.threads, thread_name_prefix=f"run-{self.run.pk}")
        self._lease = vault_config().migration.lease
        self._renewed = time.monotonic()
        self._is_dry = False
        return self

    def __exit__(self, *_error: object) -> None:
        """End what is in work: at its next piece, not at its end. What was taken is given back."""
        self._pace.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        begun = [leased for future, leased in self.pending.items() if not future.cancelled()]
        self._give_back(begun, begun=True)
        self._give_back([*self.pending.values(), *self.waiting])
        self.pending.clear()

    def work(self) -> None:
        """Return when nothing is left, when the time is over, or when nobody wants it any more. Raises Halt."""
        try:
            while self._has_work():
                finished, _ = wait(self.pending, timeout=TICK, return_when=FIRST_COMPLETED)
                self._take_in(finished)
                self._submit()
                ticked = self._ticked()
                if ticked or not self.pending or len(self.done) >= TOGETHER:
                    self._write()
                if ticked and not self._goes_on():
                    return
        finally:
            self._write()

    def _has_work(self) -> bool:
        """Have something in work, if there is anything to be had."""
        while time.monotonic() < self.until:
            if not self._is_dry and len(self.waiting) < self._pace.at_once:
                if not self._goes_on():
                    return False
                self._take_batch()
            self._submit()
            if self.pending:
                return True
            if not self.run.items.filter(state=ItemState.PENDING).exists():
                return False
            if self._is_dry:
                time.sleep(IDLE)  # others are at work on the rest, or it waits to be tried again
            self._is_dry = False
        return bool(self.pending)

    def _take_batch(self) -> None:
        token, items = take_items(self.run, self.run.batch_size, lease=self._lease)
        # Few, or none: whoever has the rest has it for a while.
        self._is_dry = len(items) < self.run.batch_size
        self.waiting += [(token, step) for step in self._work.begin(token, items)]

    def _submit(self) -> None:
        while self.waiting and len(self.pending) < self._pace.at_once and time.monotonic() < self.until:
            token, step = self.waiting.pop(0)
            self.pending[self._pool.submit(attempt, step, self.run, self._places)] = (token, step)

    def _take_in(self, finished: set[Future[object]]) -> None:
        """Keep what went well to be written, and write what failed."""
        ended = [(*self.pending.pop(future), future.exception()) for future in finished]
        for token, step, error in ended:
            if error is None:
                self._pace.went_well()
                count_attempt(self.run.kind)
                self.done.append((token, step))
        halts = [self._failed(token, step, error) for token, step, error in ended if error is not None]
        if halt := next(filter(None, halts), None):
            raise halt

    def _write(self) -> None:
        """Write what came of the steps that went well, in one transaction; the next steps of their items come first."""
        done, self.done = self.done, []
        following: list[Leased] = []
        if not done:
            return
        with transaction.atomic(durable=True):
            # In the order of the rows' keys, batch after batch: whoever deletes several locks them in it as well.
            done.sort(key=lambda leased: leased[1].item.object_id)
            for token in dict.fromkeys(token for token, _step in done):
                steps = [step for owner, step in done if owner == token]
                following += [(token, step) for step in self._work.settle(token, steps)]
        self.waiting[:0] = following

    def _ticked(self) -> bool:
        if time.monotonic() - self._renewed < min(TICK, self._lease.total_seconds() / 3):
            return False
        self._renewed = time.monotonic()
        self._is_dry = False  # what was put off, or was another's, may be free by now
        for token in {token for token, _step in (*self.waiting, *self.pending.values(), *self.done)}:
            renew(token, lease=self._lease)
        return True

    def _goes_on(self) -> bool:
        """Whether nobody stopped the run, or took this worker's place."""
        self.run.refresh_from_db()
        return self.run.state == RunState.RUNNING and self.keep()

    def _give_back(self, leased: list[Leased], *, begun: bool = False) -> None:
        for token in {token for token, _step in leased}:
            give_back(token, [step.item.pk for owner, step in leased if owner == token], begun=begun)

    def _failed(self, token: UUID, step: Step, error: BaseException) -> "Halt | None":
        """Write what came of a step that failed. Returns what the whole run has to stop for."""
        item = step.item
        if isinstance(error, (Stopped, Halt)):
            give_back(token, [item.pk], begun=True)
            return error if isinstance(error, Halt) else None
        if isinstance(error, Skip):
            end(token, item, ItemState.SKIPPED, code=error.code)
        elif isinstance(error, ObjectNotFound) and has_left(item, self.run.kind):
            put_off(token, item.pk, code=CHANGED)  # what became of it is told when it is begun again
        elif isinstance(error, StorageError):
            self._refused(token, step, error.code, str(error), again=error.retryable and has_attempts_left(item))
            if error.retryable:
                self._pace.slow_down()
        elif isinstance(error, ConfigurationError):
            # A store that this process lacks, and others may have.
            self._refused(token, step, NOT_CONFIGURED, str(error), again=has_attempts_left(item))
        elif isinstance(error, Exception):
            self._surprised(token, step, error)
        else:
            raise error
        return None

    def _refused(self, token: UUID, step: Step, code: str, detail: str, *, again: bool) -> None:
        item = step.item
        count_attempt(self.run.kind, code)
        if again:
            pause = pause_after(item.refusals + 1)
            put_off(token, item.pk, code=code, detail=detail, pause=pause, refused=True)
        else:
            log.warning("item_failed", run=self.run.pk, object_id=str(item.object_id), code=code, error=detail)
            end(token, item, ItemState.FAILED, code=code, detail=detail)

    def _surprised(self, token: UUID, step: Step, error: Exception) -> None:
        """A fault of ours is this item's alone: the others go on. Its words may hold anything, so the log has them."""
        log.error("step_failed", run=self.run.pk, object_id=str(step.item.object_id), exc_info=error)
        again = has_attempts_left(step.item, MOST_SURPRISES)
        self._refused(token, step, SURPRISE, type(error).__name__, again=again)
