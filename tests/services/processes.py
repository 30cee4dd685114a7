"""Starts a server in the foreground of nobody, waits until it answers, and stops it: that process and no other."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
_STOP_SECONDS = 10


class ServerFailed(Exception):
    """A server did not start; the message ends with its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def state_directory(name: str) -> Iterator[Path]:
    """A directory for a server's data and log, removed afterwards; other users may enter but not look around."""
    with tempfile.TemporaryDirectory(prefix=f"vault-{name}-", ignore_cleanup_errors=True) as directory:
        path = Path(directory)
        path.chmod(0o711)
        yield path


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """The server lives as long as the block, or this process: also where this process is killed.

    It has a session of its own, so that Ctrl-C reaches the tests alone and they can still clean up.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_wrapper(user), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], *, log: Path, seconds: float = 60) -> None:
    """Raises ServerFailed where ``process`` ends, or is not ``ready`` in time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            state = (
                f"ended with {process.returncode}" if process.poll() is not None else f"is not ready after {seconds} s"
            )
            raise ServerFailed(f"{process.args!r} {state}:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.05)


def run(command: Sequence[str | Path], *, user: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What the command prints. Raises ServerFailed with everything it said."""
    done = subprocess.run(
        [*_wrapper(user), *map(str, command)],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise ServerFailed(f"{command!r} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def answers(port: int) -> bool:
    """Whether something listens on the port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _wrapper(user: str | None) -> list[str]:
    """setpriv: gives up root for ``user``, and has the kernel kill the server when this process dies."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if user is not None:
            raise ServerFailed("setpriv (util-linux) is needed to start a server as another user")
        return []
    identity = ["--reuid", user, "--regid", user, "--init-groups"] if user else []
    return [setpriv, *identity, "--pdeathsig", "KILL", "--"]
