"""Calling something from several threads at once, each with a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

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
