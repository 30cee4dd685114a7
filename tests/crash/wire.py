"""Bytes on a socket: for what no HTTP client would send."""

import re
import socket
import time
from contextlib import suppress

from tests.crash.installation import Installation
from tests.crash.leftovers import leftovers

PATH = "/api/v1/documents"
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def post(token: str, *headers: str) -> bytes:
    """The head of an upload."""
    lines = [f"POST {PATH} HTTP/1.1", "Host: localhost", "X-Filename: a.pdf", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def answers_to(port: int, *pieces: bytes, half_close: bool = False, expected: int = 1) -> bytes:
    """Send the pieces, then read until the server closes, or says nothing for a second after ``expected`` answers."""
    received = bytearray()
    with connect(port) as connection:
        # A server may close before it has read everything: what it answered is there to read even so.
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.05)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError, ConnectionError):
            while data := connection.recv(65536):
                received += data
                if len(statuses(bytes(received))) >= expected:
                    connection.settimeout(1)
    return bytes(received)


def statuses(answers: bytes) -> list[int]:
    """The status of every response, in order."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def settled_leftovers(installation: Installation, *, seconds: float = 10) -> dict[str, set[str]]:
    """What is left over without any sweep, once the server had time to notice that its client is gone."""
    deadline = time.monotonic() + seconds
    while (left := _left(installation)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _left(installation: Installation) -> dict[str, set[str]]:
    left = leftovers(installation.database_url, installation.store)
    # A discarded row waits for its second look; its object is gone already.
    left["staged rows"] = {row for row in left.get("staged rows", ()) if not row.endswith(": discarded")}
    return {kind: names for kind, names in left.items() if names}
