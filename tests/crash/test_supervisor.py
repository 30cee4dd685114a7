"""``make run``: first and second start, every way to stop, every way to die."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from tests.crash.processes import ROOT
from tests.crash.supervised import UP, Supervisor, clean_environment, digests_of, supervised, wait_until_gone
from tests.services.processes import free_port

PASSWORD = "a password of the operator's choice"


@dataclass
class FirstRun:
    """What the first start in this directory printed."""

    directory: Path
    lines: list[str]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    directory = tmp_path_factory.mktemp("run")
    account = {
        "DJANGO_SUPERUSER_USERNAME": "root-alice",
        "DJANGO_SUPERUSER_EMAIL": "alice@example.org",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    with supervised(directory, **account) as vault:
        started = vault.descendants()
        assert vault.send(signal.SIGINT) == 0
        wait_until_gone(started, vault.port)
        yield FirstRun(directory, vault.lines)


def accounts(directory: Path) -> list[tuple[str, str, bool]]:
    with closing(sqlite3.connect(directory / "var" / "vault.sqlite3")) as database:
        return list(database.execute("SELECT username, email, is_superuser FROM auth_user"))


def row_counts(directory: Path) -> dict[str, int]:
    with closing(sqlite3.connect(directory / "var" / "vault.sqlite3")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def test_the_first_start_tells_of_keys_and_administrator(first_run: FirstRun) -> None:
    said = "\n".join(first_run.lines)
    assert "Keys made in" in said
    assert "recovery.pem" in said
    assert "Administrator 'root-alice' made" in said
    assert PASSWORD not in said
    assert accounts(first_run.directory) == [("root-alice", "alice@example.org", True)]
    for secret in [first_run.directory / ".env", *first_run.directory.glob("keys/*.pem")]:
        assert secret.stat().st_mode & 0o077 == 0 or secret.name.endswith(".pub.pem"), secret


def test_a_second_start_says_and_changes_nothing(first_run: FirstRun) -> None:
    directory = first_run.directory
    places = (directory / "keys", directory / "recovery", directory / ".env", directory / "var" / "staticfiles")
    before, rows_before = digests_of(*places), row_counts(directory)
    with supervised(directory) as vault:
        assert httpx.get(f"http://127.0.0.1:{vault.port}/healthz").text == "ok\n"
        started = vault.descendants()
        assert len(started) >= 4  # web server and its worker, Celery's worker, the schedule
        assert [line for line in vault.lines if UP not in line] == []
        assert vault.send(signal.SIGTERM) == 0
        wait_until_gone(started, vault.port)
    assert digests_of(*places) == before
    assert row_counts(directory) == rows_before


def test_a_killed_supervisor_takes_everything_with_it(first_run: FirstRun) -> None:
    with supervised(first_run.directory) as vault:
        started = vault.descendants()
        vault.send(signal.SIGKILL)
        wait_until_gone(started, vault.port)


def worker_of(web_server: psutil.Process) -> psutil.Process:
    return web_server.children()[0]


def test_whatever_dies_is_started_again(first_run: FirstRun) -> None:
    with supervised(first_run.directory) as vault:
        for argument, name in (("vault.web_server", "web server"), ("worker", "worker"), ("beat", "schedule")):
            killed = vault.child(argument)
            below = killed.children(recursive=True)
            killed.kill()
            vault.wait_for_line(f"the {name} died and is started again")
            _gone, alive = psutil.wait_procs(below, timeout=10)
            assert alive == []  # granian's worker does not outlive its main process
            _wait_until(partial(_is_another, vault, argument, killed.pid))
        _wait_until(lambda: _is_healthy(vault.port))
        worker_of(vault.child("vault.web_server")).kill()
        time.sleep(0.2)
        _wait_until(lambda: _is_healthy(vault.port))
        started = vault.descendants()
        assert vault.send(signal.SIGTERM) == 0
        wait_until_gone(started, vault.port)


def _is_another(vault: Supervisor, argument: str, pid: int) -> bool:
    return vault.child(argument).pid != pid


def _is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not _asked(true):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _asked(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except (ValueError, psutil.NoSuchProcess):  # it is between its death and its next start
        return False


@pytest.mark.parametrize("program", ["vault.run", "vault.web_server"])
def test_a_busy_port_is_said_in_one_line(tmp_path: Path, program: str) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = str(taken.getsockname()[1])
        done = run(program, clean_environment(tmp_path, PORT=port, SECRET_KEY="x" * 50))
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert f"port {port} cannot be used" in line


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "٣"])
def test_a_port_that_is_none_is_said_in_one_line(tmp_path: Path, port: str) -> None:
    done = run("vault.run", clean_environment(tmp_path, PORT=port))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("document-vault: PORT is")


def run(program: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", *program.split()]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
