"""How fast each peer may have DEKs unwrapped: a token bucket for each."""

import threading
import time
from collections.abc import Callable


class RateLimits:
    """``rate`` unwraps a second for each peer, and ``burst`` at once after a while of silence."""

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, peer: str) -> float:
        """Take one unwrap for the peer. Returns 0 where it may have it, else the seconds until it may.

        Who is refused has nothing taken from him. There are as many buckets as peers that are let in.
        """
        with self._lock:
            now = self._clock()
            tokens, at = self._buckets.get(peer, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - at) * self._rate)
            allowed = tokens >= 1
            self._buckets[peer] = (tokens - allowed, now)
            return 0.0 if allowed else (1 - tokens) / self._rate
