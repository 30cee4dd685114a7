"""How fast a worker reads, and whether it is to stop."""

import threading
import time


class Stopped(Exception):
    """The run is not to go on: what was begun is thrown away, and done again later."""


class Throttle:
    """Of one worker, shared by its threads. ``bytes_per_second`` is its share of the rate, 0 without a limit."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate, self._free_at = bytes_per_second, time.monotonic()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.passed = 0

    def stop(self) -> None:
        """Let everything that is in work end at its next piece."""
        self._stop.set()

    def take(self, size: int) -> None:
        """Account for bytes that were read, and wait as long as they take. Raises Stopped."""
        with self._lock:
            self.passed += size
            starts = max(self._free_at, time.monotonic())
            if self._rate:
                self._free_at = starts + size / self._rate
        if self._stop.wait(max(0.0, starts - time.monotonic())):
            raise Stopped
