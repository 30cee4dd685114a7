"""``python -m tests.recovery.killing STORE SCRATCH KILLS``: kill the script at many lines, and look what is left.

A run is killed (SIGKILL) after so many lines of recover.py, evenly spread over all lines that a whole run takes. After
each kill every file that is there must be whole, and the next run must end with every document, each once. Forks, and
so is a process of its own, with one thread.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from documents.encryption.vectors.keys import pem_of
from documents.recovery import recover

Tracer = Callable[[FrameType, str, Any], Any]


class Countdown:
    """Counts lines of the script in every thread; kills the process at ``last``, never where it is None."""

    def __init__(self, last: int | None) -> None:
        self.lines, self.last = 0, last

    def trace(self, frame: FrameType, _event: str, _argument: Any) -> Tracer | None:
        return self.count if frame.f_code.co_filename == recover.__file__ else None

    def count(self, _frame: FrameType, event: str, _argument: Any) -> Tracer:
        if event == "line":
            self.lines += 1
            if self.lines == self.last:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.count


def run(store: Path, destination: Path, keys: recover.Keys, last: int | None) -> int:
    """One run in a child. Returns how many lines it took, or 0 where it was killed."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        with os.fdopen(reading) as told:
            lines = told.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not killed and os.waitstatus_to_exitcode(status):
            sys.exit("a run failed")
        return 0 if killed else int(lines)
    countdown = Countdown(last)
    threading.settrace(countdown.trace)
    sys.settrace(countdown.trace)
    options = recover.Options(recover.Directory(store), keys, destination)
    status = recover.run(options, "text", lambda _line: None)
    sys.settrace(None)
    os.write(writing, str(countdown.lines).encode())
    os._exit(status)


def look(destination: Path) -> list[bytes]:
    """Every document that has its name. A run that was killed may leave others without."""
    paths = [path for path in destination.rglob("*") if path.is_file()]
    named = [path for path in paths if path.parent != destination and ".recover" not in path.parts]
    return sorted(path.read_bytes() for path in named)


def main() -> None:
    store, scratch, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    keys = recover.ring_of([recover.load_kek(pem_of("recovery"), "recovery", (), lambda _name: None)])
    lines = run(store, scratch / "whole", keys, None)
    expected, killed = look(scratch / "whole"), 0
    for number in range(1, kills + 1):
        destination = scratch / str(number)
        killed += run(store, destination, keys, lines * number // (kills + 1)) == 0
        if left := [found for found in look(destination) if found not in expected]:
            sys.exit(f"killed at {number}, {len(left)} files look whole and are not")
        run(store, destination, keys, None)
        if look(destination) != expected:
            sys.exit(f"killed at {number}, the next run did not bring everything back once")
    sys.stdout.write(f"{killed} kills in {lines} lines, {len(expected)} documents\n")


if __name__ == "__main__":
    main()
