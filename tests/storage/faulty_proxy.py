"""An HTTP proxy in front of a real S3 server that breaks answers in the ways that networks and stores do."""

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Longer than the read timeout of the impatient clients under test.
SILENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """``before`` answers in place of the server, which then never hears of the request; ``silent`` does not answer.

    ``lost`` lets the server do its work and drops the answer; ``cut`` ends the connection after that share of the
    body, with ``reset`` not cleanly.
    """

    name: str
    before: Answer | None = None
    silent: bool = False
    lost: bool = False
    cut: float | None = None
    reset: bool = False


def xml_error(status: int, code: str) -> Answer:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>made up</Message></Error>'.encode()
    return Answer(status, (("Content-Type", "application/xml"),), body)


PAGE = Answer(200, (("Content-Type", "text/html"),), b"<html><body>Please sign in to the network</body></html>")
GARBAGE = Answer(200, (("Content-Type", "application/xml"),), b"<<<\x00 not XML")
FAULTS = (
    *(Fault(f"{status} {code}", before=xml_error(status, code)) for status, code in (
        (500, "InternalError"), (503, "SlowDown"), (403, "AccessDenied"), (403, "SignatureDoesNotMatch"),
        (400, "ExpiredToken"), (404, "NoSuchBucket"), (409, "ConditionalRequestConflict"), (501, "NotImplemented"),
        (507, "InsufficientStorage"), (418, "Unheard"), (200, "InternalError"),
    )),
    Fault("502 from something that is no S3", before=Answer(502, (), b"<html>bad gateway")),
    Fault("a page of another server", before=PAGE),
    Fault("garbage", before=GARBAGE),
    Fault("silence", silent=True),
    Fault("no answer", cut=0.0, lost=True),
    Fault("a reset instead of an answer", lost=True, reset=True),
    Fault("a body cut in the middle", cut=0.5),
    Fault("a reset in the middle", cut=0.5, reset=True),
)  # fmt: skip


@dataclass
class FaultyProxy:
    """``fault`` strikes the next ``times`` requests for which ``where(method, path)``; ``seen`` are all requests."""

    endpoint_url: str
    fault: Fault | None = None
    times: int = 0
    where: Callable[[str, str], bool] = lambda _method, _path: True
    seen: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def strike(
        self, fault: Fault, *, times: int = 10**6, where: Callable[[str, str], bool] = lambda _method, _path: True
    ) -> None:
        self.fault, self.times, self.where = fault, times, where
        self.seen.clear()

    def next_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            self.seen.append(f"{method} {path}")
            if self.fault is None or self.times <= 0 or not self.where(method, path):
                return None
            self.times -= 1
            return self.fault


@contextmanager
def faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    class Handler(_Handler):
        target = urlsplit(upstream).netloc

    server = _Server(("127.0.0.1", 0), Handler)
    Handler.proxy = FaultyProxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Handler.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up in the middle here; that is what is tested, and nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    target: str
    proxy: FaultyProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.next_fault(self.command, self.path)
        if fault is None:
            self._send(self._forward(body), cut=None, reset=False)
        elif fault.silent:
            threading.Event().wait(SILENCE_SECONDS)
            self.close_connection = True
        elif fault.before:
            self._send(fault.before, cut=fault.cut, reset=fault.reset)
        else:
            answer = self._forward(body)
            if fault.lost:
                self._end(reset=fault.reset)
            else:
                self._send(answer, cut=fault.cut, reset=fault.reset)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def _forward(self, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self.target, timeout=10)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            kept = tuple(
                (name, value) for name, value in answer.getheaders()
                if name.lower() not in ("connection", "transfer-encoding", "content-length")
            )  # fmt: skip
            length = (("Content-Length", answer.getheader("Content-Length", "0")),) if self.command == "HEAD" else ()
            return Answer(answer.status, (*kept, *length), answer.read())
        finally:
            connection.close()

    def _send(self, answer: Answer, *, cut: float | None, reset: bool) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command != "HEAD" and answer.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(answer.body if cut is None else answer.body[: int(len(answer.body) * cut)])
        if cut is not None:
            self._end(reset=reset)

    def _end(self, *, reset: bool) -> None:
        self.wfile.flush()
        if reset:
            # Lingering for zero seconds makes close send RST in place of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
