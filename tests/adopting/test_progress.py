"""Progress is on stderr: drawn on a terminal, a line now and then in a log."""

import io

import pytest
from django.core.management.base import OutputWrapper

from documents.management import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    with progress.progress_on(OutputWrapper(log), "adopting") as quiet:
        quiet.add(1000)
    assert log.getvalue() == ""
    monkeypatch.setattr(progress, "LINE", -1.0)

    with progress.progress_on(OutputWrapper(log), "adopting") as counted:
        for _ in range(3):
            counted.add(1000)

    assert log.getvalue().splitlines()[-1].startswith("adopting: 3 files, 3.0 kB, ")


def test_a_terminal_is_drawn_on_and_cleared(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_on(OutputWrapper(Terminal()), "adopting") as counted:
        counted.add(1000)

    assert (counted.items, counted.bytes) == (1, 1000)
    assert capsys.readouterr().out == ""
