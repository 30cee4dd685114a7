"""The same work on several things at once, in threads that can be stopped."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import TypeVar

from django.db import connection

from documents.services.adopting.outcomes import Outcome

T = TypeVar("T")


def in_threads(work: Callable[[T], Outcome], batch: Sequence[T], *, workers: int, stop: Event) -> Generator[Outcome]:
    """Yield what ``work`` makes of each, in their order; with one worker in this thread.

    Where the consumer goes away, what is in work is told to stop, and waited for.
    """
    if workers == 1:
        yield from map(work, batch)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="adopting") as pool:
        try:
            yield from pool.map(partial(_closing_connection, work), batch)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _closing_connection(work: Callable[[T], Outcome], item: T) -> Outcome:
    try:
        return work(item)
    finally:
        connection.close()
