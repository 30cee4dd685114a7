"""How fast a worker goes: how many objects at once, how many bytes a second, and when it is to stop.

Objects at once follow the store: an answer "slow down" halves them and makes everybody wait a moment; what comes in
that moment was asked before, and counts as the same answer. Each quiet stretch allows one more. That is additive
increase, multiplicative decrease, as TCP does it (RFC 5681 section 3.1).
"""

import threading
import time
from collections.abc import Iterable, Iterator

FIRST_PAUSE = 0.25  # seconds
LONGEST_PAUSE = 30.0
# Objects that went well before one more is allowed at once.
QUIET = 32

# How many at once this process was allowed at last, by the run: whoever comes back to a run begins as it stopped.
_allowed: dict[int, int] = {}


class Stopped(Exception):
    """The run is not to go on: what was begun is thrown away, and done again later."""


class Pace:
    """Of one worker, shared by its threads. ``bytes_per_second`` is its share of the bandwidth, 0 without a limit."""

    def __init__(self, *, threads: int, bytes_per_second: float = 0, run_id: int = 0) -> None:
        self._run_id = run_id
        self._most, self._allowed = threads, min(threads, _allowed.get(run_id, threads))
        self._rate = bytes_per_second
        self._free_at = time.monotonic()
        self._pause, self._quiet = 0.0, 0
        self._resumes_at = self._free_at
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @property
    def at_once(self) -> int:
        """How many objects may be in work now."""
        return self._allowed

    def stop(self) -> None:
        """Let everything that is in work end at its next piece."""
        self._stop.set()
        _allowed.clear()  # of one run at a time: there is seldom another
        if self._allowed < self._most:
            _allowed[self._run_id] = self._allowed

    def went_well(self) -> None:
        """An object was answered for without complaint."""
        with self._lock:
            self._quiet += 1
            if self._quiet >= QUIET:
                self._allowed, self._quiet = min(self._most, self._allowed + 1), 0
                self._pause = 0.0

    def slow_down(self) -> None:
        """A store did not answer, or asked for less."""
        with self._lock:
            if time.monotonic() < self._resumes_at:
                return
            self._allowed, self._quiet = max(1, self._allowed // 2), 0
            self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
            self._resumes_at = time.monotonic() + self._pause
            self._free_at = max(self._free_at, self._resumes_at)

    def begin(self) -> None:
        """Wait until another object may begin. Raises Stopped."""
        self._wait_until(self._free_at)

    def pass_on(self, pieces: Iterable[memoryview]) -> Iterator[memoryview]:
        """Give ``pieces`` on no faster than the bandwidth allows. Raises Stopped between two of them."""
        for piece in pieces:
            if self._rate:
                with self._lock:
                    starts = max(self._free_at, time.monotonic())
                    self._free_at = starts + len(piece) / self._rate
                self._wait_until(starts)
            elif self._stop.is_set():
                raise Stopped
            yield piece

    def _wait_until(self, moment: float) -> None:
        if self._stop.wait(max(0.0, moment - time.monotonic())):
            raise Stopped
