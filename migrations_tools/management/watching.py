"""Waiting for a run with its progress on stderr, and working on it where nobody else does."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from django.core.management.base import OutputWrapper
from kombu.exceptions import OperationalError
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from migrations_tools import control, tasks, workers
from migrations_tools.errors import RowsHeld
from migrations_tools.figures import Figures, figures_of
from migrations_tools.leases import is_held
from migrations_tools.models import MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.reports.words import duration_in_words
from migrations_tools.runner import work_on
from migrations_tools.states import MOVING

# A run at which no worker is seen for so long is worked on here.
PATIENCE = timedelta(seconds=10)
# Seconds between two looks at the least; all of them together take a tenth of the time at the most.
LOOK = 0.5
# Seconds between two lines where stderr is no terminal.
LINE = 10.0
# What is in work ends at its next piece; a store that does not answer is not waited for.
LONGEST_STOP = 30.0


class Interrupted(Exception):
    """Somebody pressed Ctrl-C, or ended this process politely: the run stands still and can go on."""


def watch(run: MigrationRun, stderr: OutputWrapper, *, inline: bool) -> None:
    """Return once the run moves no more. Raises Interrupted, after its workers have been stopped, or RowsHeld.

    A new run is planned here, so that a refusal is an answer of this process; where it dies a worker goes on.
    """
    with _told_politely():
        try:
            _plan(run, stderr)
            here = inline or not _woken(run, stderr)
            _wait(run, stderr, here=here)
        except KeyboardInterrupt as interrupt:
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
        stderr.write(f"The broker does not answer ({error}). This process does the work itself.")
        return False
    return True


def _wait(run: MigrationRun, stderr: OutputWrapper, *, here: bool) -> None:
    with _progress(run, stderr) as progress:
        looks = _Looks(run, progress)
        while run.state in MOVING:
            here = here and _work(run, looks)
            looks.look()
            if run.state in MOVING:
                looks.wait()
                if not here and not workers.is_anybody_at(run, within=PATIENCE):
                    stderr.write("No worker is at it. This process does the work itself.")
                    here = True


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


@contextmanager
def _told_politely() -> Iterator[None]:
    """SIGTERM, and the end of the terminal, are as good as Ctrl-C."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        earlier = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    except ValueError:  # not the main thread: nobody sends it signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


class _Looks:
    """Looks at a run. The more items it has the longer one takes, and the longer it is to the next."""

    def __init__(self, run: MigrationRun, progress: "_Lines | _Bars") -> None:
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

    def wait(self) -> None:
        """Sleep until the next look is due."""
        time.sleep(max(0.0, self._due - time.monotonic()))


class _Lines:
    """One line now and then, for logs."""

    def __init__(self, stderr: OutputWrapper) -> None:
        self._stderr, self._due = stderr, 0.0

    def show(self, figures: Figures) -> None:
        if time.monotonic() < self._due and figures.pending:
            return
        self._due = time.monotonic() + LINE
        remaining = ""
        if figures.pending and figures.remaining:
            remaining = f", {duration_in_words(figures.remaining)} left"
        self._stderr.write(
            f"{figures.total - figures.pending:,} of {figures.total:,} items, "
            f"{figures.successful_bytes:,} of {figures.total_bytes:,} bytes, {figures.bytes_per_second:,.0f} bytes/s, "
            f"{figures.failed:,} failed{remaining}"
        )


class _Bars:
    """A line that is drawn anew, for people."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._items = progress.add_task("", total=None, moved="", failed=0)

    def show(self, figures: Figures) -> None:
        moved = (
            f"{decimal(figures.successful_bytes)} of {decimal(figures.total_bytes)}, "
            f"{decimal(round(figures.bytes_per_second))}/s"
        )
        done = figures.total - figures.pending
        self._progress.update(self._items, completed=done, total=figures.total, moved=moved, failed=figures.failed)


@contextmanager
def _progress(run: MigrationRun, stderr: OutputWrapper) -> "Iterator[_Lines | _Bars]":
    if not stderr.isatty():
        yield _Lines(stderr)
        return
    columns = (
        TextColumn(f"run {run.pk}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[moved]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]} failed"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        yield _Bars(progress)
