"""``python -m vault.run`` as a person starts it, in a directory that is not the checkout's."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.crash.processes import ROOT
from tests.services.processes import answers, free_port

UP = "Document Vault is at"
# Nothing of the environment that the tests themselves run in reaches the vault under test.
OURS = (
    "VAULT_",
    "S3_",
    "STORAGE_TYPE",
    "LOCAL_STORAGE",
    "SECRET_KEY",
    "DATABASE_URL",
    "CACHE_URL",
    "CELERY_",
    "DJANGO",
)


def clean_environment(directory: Path, **environment: str) -> dict[str, str]:
    """Everything that is written goes below ``directory``."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {
        **inherited,
        "VAULT_ENV_FILE": str(directory / ".env"),
        "VAULT_DATA_DIR": str(directory / "var"),
        "LOCAL_STORAGE_PATH": str(directory / "var" / "storage"),
        "VAULT_KEYS_DIR": str(directory / "keys"),
        "VAULT_RECOVERY_DIR": str(directory / "recovery"),
        "LOG_LEVEL": "WARNING",
        **environment,
    }


class Supervisor:
    """The running vault. ``lines`` is what it has printed so far, on stdout and stderr."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.port = int(environment.get("PORT") or free_port())
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vault.run"],
            cwd=ROOT,
            env=clean_environment(directory, **{"PORT": str(self.port), **environment}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(line.rstrip("\n") for line in output)

    def wait_for_line(self, text: str, *, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not any(text in line for line in self.lines):
            assert time.monotonic() < deadline, self.lines
            assert self.process.poll() is None, self.lines
            time.sleep(0.05)

    def descendants(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def child(self, argument: str) -> psutil.Process:
        """The direct child that was started with this argument."""
        [found] = [c for c in psutil.Process(self.process.pid).children() if argument in c.cmdline()]
        return found

    def send(self, number: signal.Signals) -> int:
        """Signal the supervisor alone, and return how it ended."""
        self.process.send_signal(number)
        return self.process.wait(40)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(30)


@contextmanager
def supervised(directory: Path, **environment: str) -> Iterator[Supervisor]:
    """A vault that is up. What is left of it when the block ends is killed."""
    supervisor = Supervisor(directory, **environment)
    try:
        supervisor.wait_for_line(UP)
        yield supervisor
    finally:
        supervisor.close()


def wait_until_gone(processes: list[psutil.Process], port: int) -> None:
    """Every process has ended, and nobody listens any more."""
    _gone, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []
    assert not answers(port)


def digests_of(*places: Path) -> dict[str, str]:
    """The digest of every file below these places."""
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.is_file()]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
