"""One installation of the vault for tests, and its processes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.services.processes import free_port

ROOT = Path(__file__).resolve().parents[2]


class Processes:
    """Starts processes of the vault in ``environment``, by way of ``tests.crash.preloaded``, and stops them all."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self.logs = logs
        self._lock = threading.Lock()
        self._started = 0
        with (logs / "preloaded.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.preloaded"],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def start(self, role: str, *, environment: dict[str, str] | None = None, **arguments: Any) -> "Process":
        self._started += 1
        log = self.logs / f"{self._started:04}-{role}.log"
        facts = {"role": role, "arguments": arguments, "environment": environment or {}, "log": str(log)}
        return Process(self, int(self._ask({"start": facts})), log)

    def wait(self, process: int, seconds: float) -> int | None:
        status: int | None = self._ask({"wait": {"process": process, "seconds": seconds}})
        return status

    def run(
        self, role: str, *, environment: dict[str, str] | None = None, forget: bool = False, **arguments: Any
    ) -> str:
        """Run to a good end. Returns what it wrote; with ``forget`` it is in no log afterwards."""
        process = self.start(role, environment=environment, **arguments)
        status, output = process.wait(60), process.log.read_text()
        assert status == 0, f"{role} {arguments} ended with {status}:\n{output}"
        if forget:
            process.log.unlink()
        return output

    def close(self) -> None:
        """Stop the forking process; the kernel kills with it what is left of its children."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, (self.logs / "preloaded.log").read_text()
        return json.loads(line)


@dataclass
class Process:
    """A process of the vault and the group it leads. ``number`` is its id."""

    processes: Processes
    number: int
    log: Path
    ended: int | None = None

    def wait(self, seconds: float = 30) -> int | None:
        """Return how it ended, as often as somebody asks; None where it has not in time."""
        if self.ended is None:
            self.ended = self.processes.wait(self.number, seconds)
        return self.ended

    def kill(self) -> None:
        """Kill the whole group at once, as a power cut does."""
        if self.ended is None:
            os.killpg(self.number, signal.SIGKILL)
            self.wait()

    def children(self) -> list[psutil.Process]:
        return list(psutil.Process(self.number).children(recursive=True))


@contextmanager
def web_server(
    processes: Processes, *, failpoint: str = "", largest_file: int | None = None, database_name: str = ""
) -> Iterator["Web"]:
    """A web server that answers. The block may kill it.

    ``largest_file``: the bytes that a file may grow to; ``database_name``: what it tells PostgreSQL that it is.
    """
    port, environment = free_port(), {"VAULT_FAILPOINT": failpoint, "PGAPPNAME": database_name}
    process = processes.start("web", port=port, environment=environment, largest_file=largest_file)
    web = Web(process, port)
    try:
        web.wait_until_up()
        yield web
    finally:
        web.stop()


@dataclass
class Web:
    """granian, its main process and its worker."""

    process: Process
    port: int
    ended: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def worker(self) -> psutil.Process:
        return self.process.children()[0]

    def wait_until_up(self) -> None:
        for _attempt in range(600):
            try:
                httpx.get(f"{self.url}/healthz", timeout=30).raise_for_status()
            except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
                time.sleep(0.02)
            else:
                return
        raise AssertionError(self.process.log.read_text())

    def wait_until_dead(self) -> None:
        """Wait for granian to notice that its worker died."""
        self.ended = self.process.wait(20)
        assert self.ended is not None, "the web server still runs"

    def kill(self) -> None:
        self.process.kill()
        self.ended = -signal.SIGKILL

    def stop(self) -> None:
        if self.ended is not None:
            return
        os.kill(self.process.number, signal.SIGTERM)
        self.ended = self.process.wait(15)
        if self.ended is None:
            self.kill()
