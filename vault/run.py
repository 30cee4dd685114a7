"""``python -m vault.run``: the whole vault on one machine, web server, worker and schedule, until Ctrl-C.

For a try-out and for small installations; in a larger one each of the three is a service of its own (``docs/``).
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import django
from django.conf import settings
from django.db import DatabaseError

from documents.errors import EncryptionError, StorageError, VaultError, WrongPassphrase
from vault.envfile import load_env_file, write_env_file
from vault.lifeline import supervised_environment
from vault.listening import (
    PortInvalid,
    check_port_is_free,
    is_up,
    listening_host,
    listening_port,
    parts_that_fail,
    reachable_host,
    shown_host,
)

STOP_SECONDS = 15
# A child that dies this often within a minute is not going to live.
MOST_RESTARTS = 5


@dataclass
class Child:
    """One process of the vault, restarted where it dies by itself."""

    name: str
    command: list[str]
    process: "subprocess.Popen[bytes] | None" = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start it, or start it again, and note when. Raises OSError where it cannot be started."""
        self.starts = [*(at for at in self.starts if time.monotonic() - at < 60), time.monotonic()]
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop the children in order.
        self.process = subprocess.Popen(  # noqa: S603  # our own commands
            self.command, start_new_session=True, stdin=subprocess.DEVNULL, env=supervised_environment()
        )

    def died(self) -> bool:
        """Whether it was started and has ended; False before the first start."""
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, wait STOP_SECONDS, then kill what is left of its group. Nothing where it never started."""
        if self.process is None:
            return
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self._signal(signal.SIGKILL)  # what is left of its group
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None  # noqa: S101  # stop() has looked
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def main() -> int:
    """Run until SIGINT, SIGTERM or SIGHUP. Returns the exit code: 0, 1 for what cannot be used, 2 for the port."""
    load_env_file()
    try:
        port = listening_port()
        check_port_is_free(listening_host(), port)
    except PortInvalid as error:
        return _say(str(error), exit_code=2)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vault.settings")
    try:
        _prepare()
    except (VaultError, DatabaseError, OSError) as error:
        return _say(_why(error), exit_code=1)
    return _serve(port)


def _prepare() -> None:
    if write_env_file():
        load_env_file()
    django.setup()  # reads the settings, and ends the process with one line where one is malformed
    from vault import first_run  # noqa: PLC0415  # models can be imported now

    first_run.prepare(lambda line: print(line, flush=True))
    _share_metrics(settings.DATA_DIR / "metrics")


def _share_metrics(directory: Path) -> None:
    """Let the processes count in files there, so that the web server tells of all of them; begin anew."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    # prometheus_client looks when it is imported: in the children, which start after this.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)


def _say(line: str, *, exit_code: int) -> int:
    print(f"document-vault: {line}", file=sys.stderr, flush=True)
    return exit_code


def _why(error: Exception) -> str:
    """One line: what cannot be used, and what to do."""
    reason = " ".join(str(error).split())
    if isinstance(error, DatabaseError):
        return f"The database cannot be used: {reason}. Start it, or correct DATABASE_URL."
    if isinstance(error, WrongPassphrase):
        return f"The keys cannot be used: {reason} Set VAULT_KEK_PASSPHRASE to the passphrase of the keys."
    if isinstance(error, EncryptionError):
        return f"The keys cannot be used: {reason}"
    if isinstance(error, StorageError):
        return f"Documents cannot be stored: {reason}. Check STORAGE_TYPE and LOCAL_STORAGE_PATH or the S3_* variables."
    if isinstance(error, OSError):
        return f"{error.filename or 'A file'} cannot be used: {error.strerror}. The vault must be able to write there."
    return reason


def _serve(port: int) -> int:
    children = [Child(name, command) for name, command in _commands().items()]
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        for child in children:
            child.start()
        return _watch(children, stopping, port)
    finally:
        print(f"Stopping; a transfer in progress has {STOP_SECONDS} seconds to end.", flush=True)
        for child in children:
            child.stop()


def _watch(children: list[Child], stopping: list[int], port: int) -> int:
    """Restart what dies until asked to stop; say once where the vault is.

    Returns the exit code: 0, or 1 where a child does not stay alive.
    """
    told = False
    while not stopping:
        for child in children:
            if not child.died():
                continue
            if len(child.starts) > MOST_RESTARTS:
                return _say(f"the {child.name} does not stay up; its reason stands above.", exit_code=1)
            _say(f"the {child.name} died and is started again.", exit_code=0)
            time.sleep(1)
            child.start()
        if not told and is_up(reachable_host(), port):
            for part in parts_that_fail(reachable_host(), port):
                _say(f"not ready yet: {part}. /readyz tells when it is, and the log why it is not.", exit_code=0)
            print(f"Document Vault is at http://{shown_host()}:{port}/   Ctrl-C stops it.", flush=True)
            told = True
        time.sleep(0.1)
    return 0


def _commands() -> dict[str, list[str]]:
    # Celery warns of root, which is what a container runs as; messages are JSON with ids, so nothing in them runs.
    celery = [sys.executable, "-W", "ignore:You're running the worker", "-m", "celery", "--quiet", "--app", "vault"]
    return {
        "web server": [sys.executable, "-m", "vault.web_server"],
        "worker": [*celery, "worker", "--pool", "solo", "--without-mingle", "--without-gossip"],
        "schedule": [*celery, "beat", "--pidfile", ""],
    }


if __name__ == "__main__":
    sys.exit(main())
