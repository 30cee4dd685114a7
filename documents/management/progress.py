"""The progress of a long command on stderr: a line that is drawn anew on a terminal, a line now and then in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.filesize import decimal
from rich.progress import Progress, SpinnerColumn, TextColumn

# Seconds between two lines where stderr is no terminal.
LINE = 10.0


class Counted:
    """Counts items and bytes; told after each."""

    def __init__(self, stderr: OutputWrapper, what: str, drawn: Progress | None) -> None:
        self._stderr, self._what, self._drawn = stderr, what, drawn
        self._task = drawn.add_task("") if drawn else None
        self._begun = time.monotonic()
        self._due = self._begun + LINE
        self.items = self.bytes = 0

    def add(self, size: int) -> None:
        """Count one item of ``size`` bytes."""
        self.items += 1
        self.bytes += size
        if self._drawn and self._task is not None:
            self._drawn.update(self._task, description=self._words())
        elif time.monotonic() > self._due:
            self._due = time.monotonic() + LINE
            self._stderr.write(self._words())

    def _words(self) -> str:
        rate = self.items / max(0.001, time.monotonic() - self._begun)
        return f"{self._what}: {self.items:,} files, {decimal(self.bytes)}, {rate:,.1f} files/s"


@contextmanager
def progress_on(stderr: OutputWrapper, what: str) -> Iterator[Counted]:
    """Yield what counts; what was drawn is gone when the block ends."""
    if not stderr.isatty():
        yield Counted(stderr, what, None)
        return
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True
    ) as it:
        yield Counted(stderr, what, it)
