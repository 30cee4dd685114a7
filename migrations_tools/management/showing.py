"""The progress of a run on stderr: bars on a terminal, a line now and then in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from documents.wording import duration_in_words
from migrations_tools.figures import Figures
from migrations_tools.models import MigrationRun

# Seconds between two lines where stderr is no terminal.
LINE = 10.0


class Lines:
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


class Bars:
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
def progress_on(stderr: OutputWrapper, run: MigrationRun) -> Iterator[Lines | Bars]:
    """Yield what shows figures of the run, until the block ends."""
    if not stderr.isatty():
        yield Lines(stderr)
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
        yield Bars(progress)
