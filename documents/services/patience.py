"""Waiting for a key service: a rate limit is no reason to stop a run, nor is a service that is started again."""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import TypeVar

from documents.errors import KeyRingError, KeyServiceRefused, KeyServiceUnavailable

# How long one object waits for its turn under a rate limit, in seconds: the lowest is one a second for everybody.
LONGEST = 300.0
# Seconds between two tries under a rate limit, at first and at most; several threads do not all come at once.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
# Seconds before a service that is away is tried again, once for each. Together they are longer than one that hung is
# waited for and then left alone (``keyservice.pausing``).
PAUSES = (0.5, 2.0, 8.0)
# Seconds between two signs of life of a worker that is long about a batch, a listing or a large object.
RENEWED = 10.0

T = TypeVar("T")


def patiently(do: Callable[..., T], *arguments: object) -> T:
    """Do it, again where the key service refuses for the moment or is away for a moment.

    Raises KeyServiceRefused, KeyServiceUnavailable where that lasts, and at once whatever else ``do`` raises.
    """
    until, pauses, growing = time.monotonic() + LONGEST, iter(PAUSES), SHORTEST_PAUSE
    while True:
        try:
            return do(*arguments)
        except KeyServiceRefused as error:
            if time.monotonic() > until:
                raise
            pause = max(error.retry_after.total_seconds(), growing) * random.uniform(0.5, 1.5)  # noqa: S311
            growing = min(growing * 2, LONGEST_PAUSE)
        except KeyServiceUnavailable as error:
            if not error.retryable:
                raise
            again = next(pauses, None)
            if again is None:
                raise
            pause = again
        time.sleep(pause)


def await_all(work: Sequence[Future[T]], sign_of_life: Callable[[], None]) -> None:
    """Wait until all is done, or the keys failed, and give a sign of life now and then. Raises what that raises."""
    pending = set(work)
    while pending:
        done, pending = wait(pending, timeout=RENEWED, return_when=FIRST_EXCEPTION)
        if any(isinstance(future.exception(), KeyRingError) for future in done):
            return
        if pending:
            sign_of_life()
