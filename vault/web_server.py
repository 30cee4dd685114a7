"""``python -m vault.web_server``: granian with the settings that the vault is tested with.

``VAULT_HOST`` (127.0.0.1) and ``PORT`` (8000) say where it listens. The application is loaded before anything listens,
so that a setting that is missing ends the process with its one line.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

from django.urls import get_resolver
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from vault.envfile import load_env_file
from vault.lifeline import end_with
from vault.listening import PortInvalid, check_port_is_free, listening_host, listening_port

# One for each request in progress: an upload keeps its thread for as long as its client takes, so there are more of
# them than slow clients are likely, and they end when idle. Beyond BACKPRESSURE connections wait to be accepted.
BLOCKING_THREADS = 256
BACKPRESSURE = 512
# A connection that says nothing for so long, before a request or between two, is closed.
HEADER_SECONDS = 15
# After it was told to stop, a worker may finish what it does for so many seconds.
FINISH_SECONDS = 10


def main() -> int:
    """Serve until told to stop. Returns 0, or 2 where the port cannot be used; SystemExit as ``serve`` raises it."""
    load_env_file()
    try:
        host, port = listening_host(), listening_port()
        check_port_is_free(host, port)
    except PortInvalid as error:
        sys.stderr.write(f"document-vault: {error}\n")
        return 2
    from vault.wsgi import application  # noqa: PLC0415  # loads the settings, which may end the process

    get_resolver().url_patterns  # noqa: B018  # loads the views, so that the first request is as fast as the second
    serve(application, host=host, port=port)
    return 0


def serve(application: Callable[..., Any], *, host: str, port: int, respawn: bool = True) -> None:
    """Serve until SIGINT or SIGTERM. Raises SystemExit with 1 where the worker died and is not started again."""
    server = Server(
        "vault.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        websockets=False,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        # HTTP/1 alone: while granian waits to see which version a client speaks, its time-out does not count.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        backpressure=BACKPRESSURE,
        respawn_failed_workers=respawn,
        workers_kill_timeout=FINISH_SECONDS,
        log_level=LogLevels.error,
    )
    main_process = os.getpid()

    def load() -> Callable[..., Any]:
        end_with(main_process)
        return application

    server.serve(target_loader=load, wrap_loader=False)


if __name__ == "__main__":
    sys.exit(main())
