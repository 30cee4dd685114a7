"""Calling something from several threads at once, each with a database connection of its own."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection, transaction

T = TypeVar("T")


def in_parallel(call: Callable[[], T], times: int = 10) -> list[T]:
    """Start ``times`` calls together and return what they returned; what one raises is raised."""
    start = Barrier(times)

    def one(_number: int) -> T:
        start.wait(30)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def while_it_holds(call: Callable[[], T], change: Callable[[], object]) -> "Future[T]":
    """Make a change in a transaction, call from another thread, and commit once that waits for what is locked here.

    Returns what came of the call. On SQLite whoever writes waits before the first line of its transaction, and tells
    nobody: there the call may come after the change as a whole.
    """

    def called() -> T:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            change()
            other = pool.submit(called)
            deadline = time.monotonic() + 20
            while connection.vendor == "postgresql" and not _is_waited_for():
                assert time.monotonic() < deadline, "nobody waits"
                time.sleep(0.01)
        other.exception(60)
    return other


def _is_waited_for() -> bool:
    """Whether another connection waits for what this one has locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return bool(cursor.fetchone()[0])
