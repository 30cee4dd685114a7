"""Where the web server listens: ``VAULT_HOST`` and ``PORT``."""

import errno
import http.client
import json
import os
import socket
from contextlib import closing

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000


class PortInvalid(ValueError):
    """``PORT`` is not a port, or somebody else listens there."""


def listening_host() -> str:
    """Return VAULT_HOST: the address to bind, which may be a name or every address of the machine."""
    return os.environ.get("VAULT_HOST") or DEFAULT_HOST


def reachable_host() -> str:
    """Return the address under which this machine reaches itself there."""
    return {"0.0.0.0": DEFAULT_HOST, "::": "::1"}.get(listening_host(), listening_host())  # noqa: S104  # every address


def shown_host() -> str:
    """Return the host of the address that people are told."""
    host = reachable_host()
    if host in (DEFAULT_HOST, "::1"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def is_up(host: str, port: int) -> bool:
    """Whether a vault answers there. No proxy is asked: the address is this machine's."""
    with closing(http.client.HTTPConnection(host, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def parts_that_fail(host: str, port: int) -> list[str]:
    """Return what the vault there cannot reach of database, cache, keys, storage and broker, as /readyz says it."""
    with closing(http.client.HTTPConnection(host, port, timeout=90)) as connection:
        try:
            connection.request("GET", "/readyz")
            parts: dict[str, str] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return []
    return [name for name, state in parts.items() if state != "ok"]


def listening_port() -> int:
    """Return PORT. Raises PortInvalid where it is none."""
    text = os.environ.get("PORT") or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise PortInvalid(f"PORT is {text!r}. Set it to a number from 1 to 65535.")
    return int(text)


def check_port_is_free(host: str, port: int) -> None:
    """Raises PortInvalid where nobody can listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise PortInvalid(f"VAULT_HOST is {host!r}, which is no address of this machine.") from error
            raise PortInvalid(
                f"port {port} cannot be used ({error.strerror}). Choose another: PORT=8001 make run"
            ) from error
