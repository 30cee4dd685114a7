"""What may come by the thousand, written down once a second with how many there were."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

EVERY = 1.0  # seconds


class Writer(Protocol):
    """What writes an event down: ``count`` is how many there were, ``facts`` are the last one's."""

    def __call__(self, about: str, /, *, count: int, **facts: str | int | None) -> None: ...


@dataclass
class _Pending:
    next_at: float
    count: int = 0
    facts: dict[str, str | int | None] = field(default_factory=dict)


class Seldom:
    """Calls ``write`` at most once in ``EVERY`` seconds for each ``about``. Safe from several threads.

    The first is written at once. Those that come too soon after it are counted, and written together by ``flush``,
    which somebody calls now and then, with the facts of the last of them.
    """

    def __init__(self, write: Writer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock, self._lock = write, clock, threading.Lock()
        self._pending: dict[str, _Pending] = {}

    def note(self, about: str, **facts: str | int | None) -> None:
        """Count one. Raises what ``write`` raises."""
        with self._lock:
            now = self._clock()
            pending = self._pending.setdefault(about, _Pending(now))
            pending.count += 1
            pending.facts = facts
            if now < pending.next_at:
                return
            found = self._taken(about, now)
        self._write(about, count=found.count, **found.facts)

    def flush(self, *, all_of_it: bool = False) -> None:
        """Write what was counted and is due, or all of it. Raises what ``write`` raises: that count is lost then."""
        with self._lock:
            now = self._clock()
            due = [about for about, pending in self._pending.items() if all_of_it or pending.next_at <= now]
            found = {about: self._taken(about, now) for about in due if self._pending[about].count}
            for about in due:
                if about not in found:
                    del self._pending[about]
        for about, pending in found.items():
            self._write(about, count=pending.count, **pending.facts)

    def _taken(self, about: str, now: float) -> _Pending:
        found = self._pending[about]
        self._pending[about] = _Pending(now + EVERY)
        return found
