"""A client that costs next to nothing, and the same whoever answers: one raw socket, ``sendfile`` and ``recv_into``."""

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from documents.encryption.buffers import page_aligned
from tests.services.processes import HOST

_RECEIVE_SIZE = 1024 * 1024
_TIMEOUT = 300  # seconds


class UnexpectedAnswer(Exception):
    """The server did not answer as a measurement needs it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``first_byte`` and ``whole`` are seconds since the request began to leave."""

    status: int
    body_start: bytes
    length: int
    first_byte: float
    whole: float

    def json(self) -> dict[str, object]:
        found = json.loads(self.body_start)
        assert isinstance(found, dict)
        return found


# A server closes a connection that idles (vault.web_server: 15 seconds): before that a new one is made, and not timed.
_IDLE_SECONDS = 5


class Client:
    """One kept-alive connection. Use as a context manager."""

    def __init__(self, port: int, *, token: str = "") -> None:
        self._port = port
        self._connect()
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self._buffer = page_aligned(_RECEIVE_SIZE)

    def _connect(self) -> None:
        self._socket = socket.create_connection((HOST, self._port), timeout=_TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._used_at = time.monotonic()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Receive the whole answer and drop the body, all but its start."""
        return self._exchange("GET", path, headers or {}, None)

    def delete(self, path: str) -> Answer:
        return self._exchange("DELETE", path, {}, None)

    def send(self, path: str, body: Path) -> Answer:
        """POST a file as the raw body."""
        headers = {"Content-Type": "application/octet-stream", "X-Filename": body.name}
        return self._exchange("POST", path, {**headers, "Content-Length": str(body.stat().st_size)}, body)

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: Path | None) -> Answer:
        fields = {"Host": HOST, **self._authorization, **headers}
        head = "".join([f"{method} {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items())])
        if time.monotonic() - self._used_at > _IDLE_SECONDS:
            self.close()
            self._connect()
        started = time.perf_counter()
        self._socket.sendall(head.encode() + b"\r\n")
        if body is not None:
            self._send_file(body)
        answer = self._receive(started)
        self._used_at = time.monotonic()
        if answer.status >= 300:
            raise UnexpectedAnswer(f"{method} {path} was answered with {answer.status}: {answer.body_start!r}")
        return answer

    def _send_file(self, path: Path) -> None:
        with path.open("rb") as file:
            rest, offset = path.stat().st_size, 0
            while rest:
                # A socket with a timeout does not block in the kernel, so that sendfile may say "not yet".
                sent = self._socket.sendfile(file, offset, rest)
                rest, offset = rest - sent, offset + sent

    def _receive(self, started: float) -> Answer:
        head, start = self._head()
        first_byte = time.perf_counter() - started
        status_line, *lines = head.decode("latin-1").split("\r\n")
        status = int(status_line.split(" ", 2)[1])
        length = _content_length(lines)
        received = len(start)
        kept = bytearray(start[:4096])
        while received < length:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise UnexpectedAnswer(f"The answer ends after {received:,} of {length:,} bytes.")
            if received < 4096:
                kept += self._buffer[:count][: 4096 - received]
            received += count
        return Answer(status, bytes(kept), received, first_byte, time.perf_counter() - started)

    def _head(self) -> tuple[bytes, bytes]:
        """The head of the answer, and what of the body came with it."""
        data = b""
        while b"\r\n\r\n" not in data:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise UnexpectedAnswer(f"The connection ended inside the head of the answer: {data!r}")
            data += self._buffer[:count]
        head, _, start = data.partition(b"\r\n\r\n")
        return head, start

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _content_length(lines: list[str]) -> int:
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0
