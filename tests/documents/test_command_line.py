"""``manage.py``, where the shell or its user has had enough."""

import io
import os
import subprocess
import sys

import pytest
from django.core.management.base import OutputWrapper

from documents.management.arguments import report_to

# Python puts some bytes by before it writes them: a short answer fails when the process ends.
LONG, SHORT = 100_000, 10


def manage(doing: str, stdout: int = subprocess.DEVNULL) -> "subprocess.CompletedProcess[bytes]":
    """``manage.py`` with a command that does this."""
    code = f"import manage, sys\nmanage.execute_from_command_line = lambda _argv: {doing}\nmanage.main()"
    return subprocess.run([sys.executable, "-c", code], stdout=stdout, stderr=subprocess.PIPE, check=False)


@pytest.mark.parametrize("size", [LONG, SHORT])
def test_who_reads_no_further_gets_no_traceback(size: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = manage(f"print('x' * {size})", writing)
    finally:
        os.close(writing)
    assert (process.returncode, process.stderr) == (141, b"")


def test_ctrl_c_before_a_command_listens_for_it_is_told_in_a_word() -> None:
    process = manage("(_ for _ in ()).throw(KeyboardInterrupt)")
    assert (process.returncode, process.stderr) == (130, b"Interrupted.\n")


def test_the_exit_status_of_a_command_stays() -> None:
    assert manage("sys.exit(2)").returncode == 2


class Closed(io.StringIO):
    """A pipe whose reader has ended."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_report_that_nobody_reads_does_not_stop_the_work() -> None:
    done = []
    with report_to(None, OutputWrapper(Closed())) as write:
        for piece in ("first\n", "second\n"):
            write(piece)
            done.append(piece)
    assert len(done) == 2
