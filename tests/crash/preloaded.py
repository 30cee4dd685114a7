"""``python -m tests.crash.preloaded``: has the vault's code loaded and forks processes of it on demand.

A process of the vault takes seconds to load, and a crash test starts dozens. Nothing but code is loaded before the
fork: no connection, no key, no provider. Requests are JSON lines on stdin, answers JSON lines on stdout.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

import boto3  # noqa: E402, F401  # loads slowly, and the S3 provider wants it
import storages.backends.s3  # noqa: E402, F401
from django.core.management import call_command, execute_from_command_line  # noqa: E402

from documents import tasks  # noqa: E402
from migrations_tools import tasks as migration_tasks  # noqa: E402
from vault import urls  # noqa: E402, F401
from vault.celery import app  # noqa: E402
from vault.lifeline import end_with  # noqa: E402
from vault.web_server import serve  # noqa: E402
from vault.wsgi import application  # noqa: E402


def limit_files(largest: int | None) -> None:
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))


def web(*, port: int, largest_file: int | None = None) -> None:
    limit_files(largest_file)
    serve(application, host="127.0.0.1", port=port, respawn=False)


def worker(*, pool: str = "solo") -> None:
    concurrency = ["--concurrency", "2"] if pool == "prefork" else []
    app.worker_main(["--quiet", "worker", "--pool", pool, *concurrency, "--without-mingle", "--without-gossip"])


def beat() -> None:
    app.start(["--quiet", "beat", "--pidfile", "", "--max-interval", "1"])


def command(*, arguments: list[str]) -> None:
    call_command(*arguments)


def manage(*, arguments: list[str], largest_file: int | None = None) -> None:
    """With the exit status and the words on stderr that people get."""
    limit_files(largest_file)
    execute_from_command_line(["manage.py", *arguments])


def task(*, names: list[str], send: bool = False) -> None:
    for name in names:
        found = app.tasks[name] if "." in name else getattr(tasks, name, None) or getattr(migration_tasks, name)
        found.delay() if send else found()


ROLES: dict[str, Callable[..., None]] = {
    "web": web, "worker": worker, "beat": beat, "command": command, "manage": manage, "task": task
}  # fmt: skip


def start(role: str, arguments: dict[str, Any], environment: dict[str, str], log: str) -> int:
    """Fork a process of this role, in a process group of its own, that writes to ``log``. Returns its id."""
    parent = os.getpid()
    if child := os.fork():
        return child
    end_with(parent)
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here, as in a shell's background job
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(target, number)
    status = 1
    try:
        ROLES[role](**arguments)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
    finally:
        if sys.exc_info()[0]:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        os._exit(status)


def wait(process: int, seconds: float) -> int | None:
    """Return how it ended, as subprocess does, or None where it has not in time."""
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.005)


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        answer = start(**request["start"]) if "start" in request else wait(**request["wait"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
