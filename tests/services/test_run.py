"""The supervisor starts what is missing, tells the command, and stops exactly what it started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

PROGRAM = (
    "import os, time; print(os.environ['TEST_VALKEY_URL'], flush=True); time.sleep({seconds}); raise SystemExit(7)"
)
# Those that are not under test are "running already".
GIVEN = dict.fromkeys(("TEST_POSTGRES_URL", "TEST_S3_ENDPOINT_URL", "TEST_GCS_URL", "TEST_AZURE_URL"), "given")


def supervise(seconds: float, state: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TEST_VALKEY_URL"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.services.run", "--", sys.executable, "-c", PROGRAM.format(seconds=seconds)],
        env={**environment, **GIVEN, "TMPDIR": str(state)},
        stdout=subprocess.PIPE,
        text=True,
    )


def port_of_its_valkey(supervisor: subprocess.Popen[str]) -> int:
    assert supervisor.stdout is not None
    return int(supervisor.stdout.readline().rsplit(":", 1)[1])


def servers_below(supervisor: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(supervisor.pid).children(recursive=True)


def test_the_status_is_the_commands_and_nothing_is_left(tmp_path: Path) -> None:
    with supervise(0.3, tmp_path) as supervisor:
        assert port_of_its_valkey(supervisor) > 0
        below = servers_below(supervisor)
        assert any("valkey" in process.name() for process in below)
        assert supervisor.wait(20) == 7
    assert not any(process.is_running() for process in below)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_stops_the_servers_too(number: signal.Signals, tmp_path: Path) -> None:
    with supervise(60, tmp_path) as supervisor:
        port_of_its_valkey(supervisor)
        valkeys = [process for process in servers_below(supervisor) if "valkey" in process.name()]
        assert valkeys
        supervisor.send_signal(number)
        supervisor.wait(20)
    psutil.wait_procs(valkeys, timeout=5)
    assert not any(process.is_running() for process in valkeys)


def test_without_a_command_it_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.services.run"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "COMMAND" in done.stderr
