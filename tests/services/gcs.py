"""gcp-storage-emulator in a process of its own: Google's wire format on loopback, without its conditions."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.services.processes import HOST, answers, free_port, running, state_directory, wait_until


@contextmanager
def gcs() -> Iterator[str]:
    """Its endpoint URL. It takes any credentials, and ignores what a request makes its condition."""
    with state_directory("gcs") as directory:
        port, log = free_port(), directory / "log"
        command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host", HOST, "--port", str(port)]
        with running([*command, "--in-memory", "--quiet"], log=log) as process:
            wait_until(lambda: answers(port), process, log=log)
            yield f"http://{HOST}:{port}"
