"""``manage.py``, where the shell or its user has had enough."""

import io
import os
import subprocess
import sys
from typing import NoReturn

import pytest
from django.core.management.base import CommandError, OutputWrapper

from documents.management.arguments import report_to
from documents.management.asking import demand_typed

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


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_stream_that_the_shell_closed_is_no_traceback(closed: str) -> None:
    code = (
        "import manage, os, sys\n"
        "manage.execute_from_command_line = lambda _argv: sys.exit(\n"
        "    f'{print(1)}{sys.stdin.readline()}{[os.path.exists(f\"/proc/self/fd/{n}\") for n in range(3)]}')\n"
        "manage.main()"
    )
    shell = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code]
    process = subprocess.run(shell, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = "" if closed == "2>&-" else "None[True, True, True]\n"
    assert (process.returncode, process.stderr) == (1, said)


class Pressed(io.StringIO):
    """Somebody presses Ctrl-C."""

    def readline(self, _size: int | None = -1) -> NoReturn:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("stdin", "status"),
    [
        (None, 2),
        (io.StringIO(""), 2),
        (io.StringIO("no\n"), 2),
        (io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8"), 2),
        (Pressed(), 130),
    ],
    ids=["none", "empty", "another word", "not UTF-8", "Ctrl-C"],
)
def test_what_is_not_confirmed_changes_nothing(
    stdin: io.TextIOBase | None, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(CommandError, match="othing was changed") as caught:
        demand_typed("yes", "Type 'yes':", OutputWrapper(io.StringIO()))
    assert caught.value.returncode == status


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
