"""Being asked to stop: by Ctrl-C, by SIGTERM, or by the end of the terminal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# 128 + SIGINT, as shells have it.
INTERRUPTED = 130


class Interrupted(Exception):
    """Somebody pressed Ctrl-C, or ended this process politely: the run stands still and can go on."""


@contextmanager
def told_politely() -> Iterator[None]:
    """SIGTERM, and the end of the terminal, are as good as Ctrl-C: each raises KeyboardInterrupt in the block.

    What this process was begun to ignore it goes on to ignore: ``nohup`` is about the end of the terminal.
    """
    earlier = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    heard = [number for number, handler in earlier.items() if handler not in (signal.SIG_IGN, None)]
    try:
        for number in heard:
            signal.signal(number, _stop)
    except ValueError:  # not the main thread: nobody sends it signals
        yield
        return
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, earlier[number])


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
