"""A vault that is kept up while its processes are killed: each is started again, as its supervisor would."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import psutil

from tests.crash.installation import Installation
from tests.crash.moving import silence_workers
from tests.crash.processes import Process, Web
from tests.services.processes import free_port

WEB, SOLO, PREFORK, CHILD, BEAT = "web server", "worker", "prefork worker", "child of the prefork worker", "schedule"


class Site:
    """A web server at one port, two workers and the schedule. ``killed`` counts who was killed."""

    def __init__(self, vault: Installation) -> None:
        self.vault, self.port = vault, free_port()
        self.killed: Counter[str] = Counter()
        # Even while the web server is up: a connection that breaks then, with no change meanwhile, has no excuse.
        self.changes = 1
        self._lock = threading.Lock()
        self._running: dict[str, Process] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        for name in (WEB, SOLO, PREFORK, BEAT):
            self._start(name)

    def stop(self) -> None:
        for process in self._running.values():
            process.kill()

    def kill(self, name: str, random: Random) -> None:
        """Kill -9, and start what was killed again."""
        with self._lock:
            if name == CHILD:
                self._kill_child(random)
            else:
                self.changes += name == WEB
                self._running[name].kill()
                self._start(name)
            self.killed[name] += 1
        if name in (SOLO, PREFORK, CHILD):
            # Not to wait for a minute: what the schedule does when a worker was silent so long.
            silence_workers(self.vault)
            self.vault.processes.run("task", names=["sweep_runs", "documents.upkeep.tasks.sweep_runs"])

    def _kill_child(self, random: Random) -> None:
        """One of the processes that the worker forked; the worker itself starts another."""
        if children := self._running[PREFORK].children():
            victim = random.choice(children)
            os.kill(victim.pid, signal.SIGKILL)
            psutil.wait_procs([victim], timeout=20)

    def _start(self, name: str) -> None:
        processes = self.vault.processes
        starts: dict[str, Callable[[], Process]] = {
            WEB: lambda: processes.start("web", port=self.port),
            SOLO: lambda: processes.start("worker"),
            PREFORK: lambda: processes.start("worker", pool="prefork"),
            BEAT: lambda: processes.start("beat"),
        }
        self._running[name] = starts[name]()
        if name == WEB:
            Web(self._running[name], self.port).wait_until_up()
            self.changes += 1


@contextmanager
def kept_up(vault: Installation) -> Iterator[Site]:
    """The site is up when the block begins; its processes end with it."""
    site = Site(vault)
    try:
        site.start()
        yield site
    finally:
        site.stop()


def wait_for(true: Callable[[], bool], *, seconds: float) -> bool:
    """Look again and again. Returns whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not (is_true := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_true
