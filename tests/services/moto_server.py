"""moto's S3 in a process of its own, for where RADOS Gateway cannot be installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.services.processes import HOST, answers, free_port, running, state_directory, wait_until


@contextmanager
def moto_server() -> Iterator[str]:
    """Its endpoint URL. It takes any credentials."""
    with state_directory("moto") as directory:
        port, log = free_port(), directory / "log"
        with running([sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)], log=log) as process:
            wait_until(lambda: answers(port), process, log=log)
            yield f"http://{HOST}:{port}"
