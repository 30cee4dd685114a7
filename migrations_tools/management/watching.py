"""Waiting for a run with its progress on stderr, and working on it where nobody else does."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.core.management.base import OutputWrapper
from kombu.exceptions import OperationalError

from documents.management.stopping import Interrupted
from documents.models.clock import database_now
from documents.redaction import redacted
from migrations_tools import control, tasks, workers
from migrations_tools.errors import RowsHeld
from migrations_tools.figures import figures_of
from migrations_tools.leases import is_held
from migrations_tools.management.showing import LINE, Bars, Lines, progress_on
from migrations_tools.models import MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.runner import work_on
from migrations_tools.states import MOVING

# A run at which no worker is seen for so long is worked on here.
PATIENCE = timedelta(seconds=10)
# Seconds between two looks at the least; all of them together take a tenth of the time at the most.
LOOK = 0.5
# What is in work ends at its next piece; a store that does not answer is not waited for.
LONGEST_STOP = 30.0


def watch(run: MigrationRun, stderr: OutputWrapper, *, inline: bool) -> None:
    """Return once the run moves no more. Raises Interrupted, after its workers have been stopped, or RowsHeld.

    A new run is planned here, so that a refusal is an answer of this process; where it dies a worker goes on.
    """
    try:
        _plan(run, stderr)
        here = inline or not _woken(run, stderr)
        _wait(run, stderr, here=here)
    except KeyboardInterrupt as interrupt:
        with suppress(KeyboardInterrupt):  # a second one ends the wait
            control.interrupt(run, note="stopped by whoever watched it")
            _await_rest(run)
        raise Interrupted from interrupt


def _plan(run: MigrationRun, stderr: OutputWrapper) -> None:
    due = time.monotonic() + LINE

    def tell(count: int) -> None:
        nonlocal due
        if time.monotonic() > due:
            due = time.monotonic() + LINE
            stderr.write(f"planning: {count:,} items")

    try:
        complete_plan(run, tell)
    except RowsHeld as error:
        control.fail(run, str(error))
        raise


def _woken(run: MigrationRun, stderr: OutputWrapper) -> bool:
    try:
        tasks.wake(run)
    except (OperationalError, OSError) as error:
        stderr.write(f"The broker does not answer ({redacted(str(error))}). This process does the work itself.")
        return False
    return True


def _wait(run: MigrationRun, stderr: OutputWrapper, *, here: bool) -> None:
    with progress_on(stderr, run) as progress:
        looks, absence = _Looks(run, progress), _Absence(run)
        while run.state in MOVING:
            if here:
                here, absence = _work(run, looks), _Absence(run)
            looks.look()
            if run.state in MOVING:
                looks.wait(absence.look)
                if not here and absence.is_long and _still_moves(run):
                    stderr.write("No worker is at it. This process does the work itself.")
                    here = True


def _still_moves(run: MigrationRun) -> bool:
    """Look again: workers that have just ended a run are gone too."""
    run.refresh_from_db()
    return run.state in MOVING


def _work(run: MigrationRun, looks: "_Looks") -> bool:
    """Work on the run alone, until nothing is left to do. Returns False where another took it over."""
    places = workers.take_all(run)

    def keep() -> bool:
        looks.look_if_due()
        return places.keep()

    try:
        work_on(run.pk, keep=keep, alone=True)
        return places.keep()
    finally:
        places.leave()


def _await_rest(run: MigrationRun) -> None:
    deadline = time.monotonic() + LONGEST_STOP
    while is_held(run) and time.monotonic() < deadline:
        time.sleep(0.1)


class _Looks:
    """Looks at a run. The more items it has the longer one takes, and the longer it is to the next."""

    def __init__(self, run: MigrationRun, progress: Lines | Bars) -> None:
        self._run, self._progress = run, progress
        self._due = 0.0

    def look(self) -> None:
        begun = time.monotonic()
        self._run.refresh_from_db()
        self._progress.show(figures_of(self._run))
        now = time.monotonic()
        self._due = now + max(LOOK, 10 * (now - begun))

    def look_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self.look()

    def wait(self, look: Callable[[], object]) -> None:
        """Sleep until the next look is due. ``look`` is called now and then, and once at the end."""
        while (left := self._due - time.monotonic()) > 0:
            time.sleep(min(left, LOOK))
            look()


class _Absence:
    """How long no worker has been seen at a run: since the last sign of life, or since somebody began to wait.

    A worker that leaves takes its sign with it, so that the last one is remembered here.
    """

    def __init__(self, run: MigrationRun) -> None:
        self._run = run
        self._now = self._seen_at = database_now()

    def look(self) -> None:
        self._now = database_now()
        self._seen_at = max(self._seen_at, workers.last_sign_of_life(self._run) or self._seen_at)

    @property
    def is_long(self) -> bool:
        return self._now - self._seen_at >= PATIENCE
