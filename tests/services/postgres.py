"""A throw-away PostgreSQL on loopback: the binaries of PyPI's pgserver wheel, or those of the system."""

import importlib.util
import os
import pwd
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.processes import HOST, ServerFailed, free_port, run, running, state_directory, wait_until

USER, PASSWORD = "vault", "vault"
# Nothing survives a test run anyway, so nothing waits for the disk; 200 connections are enough for any number of
# workers and threads.
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200", "shared_buffers=64MB")


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of its empty ``postgres`` database; the user may create others. Raises ServerFailed."""
    with state_directory("postgres") as directory:
        user = unprivileged_user()
        binaries = find_binaries(directory, user)
        # PostgreSQL wants its data in a directory of its user, and makes "data" itself.
        home = directory / "home"
        home.mkdir()
        if user:
            shutil.chown(home, user, pwd.getpwnam(user).pw_gid)
        initialise(binaries, home, user)
        port, log = free_port(), directory / "log"
        options = [f"-c{setting}" for setting in (*SETTINGS, f"listen_addresses={HOST}", "unix_socket_directories=")]
        command: list[str | Path] = [binaries / "postgres", "-D", home / "data", "-p", str(port), *options]
        # SIGINT is PostgreSQL's fast shutdown, which does not wait for clients.
        with running(command, log=log, user=user, stop_signal=signal.SIGINT) as process:
            probe: list[str | Path] = [binaries / "pg_isready", "-q", "-h", HOST, "-p", str(port)]
            wait_until(lambda: _succeeds(probe), process, log=log)
            yield f"postgresql://{USER}:{PASSWORD}@{HOST}:{port}/postgres"


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def find_binaries(directory: Path, user: str | None) -> Path:
    """The directory of initdb and postgres, as a path that ``user`` can reach: else a copy in ``directory``."""
    wheel = importlib.util.find_spec("pgserver")
    if wheel is not None and wheel.origin is not None:
        installed = Path(wheel.origin).parent / "pginstall"
    elif server := shutil.which("postgres"):
        installed = Path(server).resolve().parent.parent
    else:
        raise ServerFailed("There is no PostgreSQL: neither PyPI's pgserver nor one of the system.")
    if user and not _succeeds([installed / "bin" / "postgres", "--version"], user=user):
        copied = directory / "pginstall"
        shutil.copytree(installed, copied, symlinks=True)
        installed = copied
    return installed / "bin"


def initialise(binaries: Path, home: Path, user: str | None) -> None:
    secret = home / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o644)
    run(
        [binaries / "initdb", "-D", home / "data", "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}",
         "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
        user=user,
        environment={"HOME": str(home)},
    )  # fmt: skip


def _succeeds(command: list[str | Path], *, user: str | None = None) -> bool:
    try:
        run(command, user=user)
    except ServerFailed:
        return False
    return True
