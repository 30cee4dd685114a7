"""``python -m tests.services.run -- COMMAND…``: runs a command with the test servers around it.

The command finds them in its environment, so that the workers of pytest-xdist share them: TEST_POSTGRES_URL,
TEST_VALKEY_URL, TEST_S3_ENDPOINT_URL, TEST_S3_ACCESS_KEY, TEST_S3_SECRET_KEY and TEST_S3_KIND (radosgw or moto),
TEST_GCS_URL, and TEST_AZURE_URL where azurite is installed.
What is set already is used as it is and not started. The exit status is the command's. Ctrl-C and a signal stop the
command first, then the servers, and leave nothing behind.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from types import FrameType

from tests.services.azurite import azurite, azurite_is_installed
from tests.services.environment import AZURE_URL, GCS_URL, POSTGRES_URL, S3_ENDPOINT_URL, VALKEY_URL, of_s3
from tests.services.gcs import gcs
from tests.services.postgres import postgres
from tests.services.processes import ServerFailed
from tests.services.s3_server import s3_server
from tests.services.valkey import valkey


def main(arguments: list[str]) -> int:
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        sys.stderr.write("usage: python -m tests.services.run -- COMMAND…\n")
        return 2
    # A shell's job in the background begins with Ctrl-C ignored, and so would everything below it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with ExitStack() as servers:
            return _run(command, environment={**os.environ, **start_missing(servers)})
    except ServerFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def start_missing(servers: ExitStack) -> dict[str, str]:
    """Starts what the environment does not name; the variables that name what was started."""
    started: dict[str, str] = {}
    if POSTGRES_URL not in os.environ:
        started[POSTGRES_URL] = servers.enter_context(postgres())
    if VALKEY_URL not in os.environ:
        started[VALKEY_URL] = servers.enter_context(valkey())
    if S3_ENDPOINT_URL not in os.environ:
        started.update(of_s3(servers.enter_context(s3_server())))
    if GCS_URL not in os.environ:
        started[GCS_URL] = servers.enter_context(gcs())
    if AZURE_URL not in os.environ and azurite_is_installed():
        started[AZURE_URL] = servers.enter_context(azurite())
    return started


def _run(command: list[str], *, environment: Mapping[str, str]) -> int:
    with subprocess.Popen(command, env=environment) as process:
        try:
            status = process.wait()
        except BaseException:
            # Ctrl-C in a terminal reaches the command as well: it may finish by itself, but not for ever.
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    return 128 - status if status < 0 else status


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
