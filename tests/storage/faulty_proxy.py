"""An HTTP proxy in front of a real S3 server that breaks answers in the ways that networks and stores do."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.storage.forwarding_server import Answer, ForwardingHandler, serving

# Longer than the read timeout of the impatient clients under test.
SILENCE_SECONDS = 10.0


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
SILENCE = Fault("silence", silent=True)
# One fault of each class that an operation can tell from the others: which error a refusal becomes is a table, tested
# by itself, and 503 is repeated as 500 is.
FAULTS = (
    *(Fault(f"{status} {code}", before=xml_error(status, code)) for status, code in (
        (500, "InternalError"), (403, "AccessDenied"), (404, "NoSuchBucket"), (200, "InternalError"),
    )),
    Fault("502 from something that is no S3", before=Answer(502, (), b"<html>bad gateway")),
    Fault("a page of another server", before=PAGE),
    Fault("garbage", before=GARBAGE),
    Fault("no answer", cut=0.0, lost=True),
    Fault("a reset instead of an answer", lost=True, reset=True),
    Fault("a body cut in the middle", cut=0.5),
    Fault("a reset in the middle", cut=0.5, reset=True),
)  # fmt: skip
FAULTS_OF_WRITES = tuple(
    Fault(f"{status} {code}", before=xml_error(status, code))
    for status, code in ((409, "ConditionalRequestConflict"), (501, "NotImplemented"))
)


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
def faulty_proxy(upstream: str, *, tls: ssl.SSLContext | None = None) -> Iterator[FaultyProxy]:
    class Handler(_Handler):
        target = urlsplit(upstream).netloc

    with serving(Handler, tls=tls) as url:
        Handler.proxy = FaultyProxy(url)
        yield Handler.proxy


class _Handler(ForwardingHandler):
    proxy: FaultyProxy

    def handle_any(self) -> None:
        body = self.read_body()
        fault = self.proxy.next_fault(self.command, self.path)
        if fault is None:
            self.send(self.forward(body))
        elif fault.silent:
            threading.Event().wait(SILENCE_SECONDS)
            self.close_connection = True
        elif fault.before:
            self._send(fault.before, cut=fault.cut, reset=fault.reset)
        else:
            answer = self.forward(body)
            if fault.lost:
                self._end(reset=fault.reset)
            else:
                self._send(answer, cut=fault.cut, reset=fault.reset)

    def _send(self, answer: Answer, *, cut: float | None, reset: bool) -> None:
        if cut is None or self.command == "HEAD":
            self.send(answer)
            return
        self.send_head(answer)
        self.wfile.write(answer.body[: int(len(answer.body) * cut)])
        self._end(reset=reset)

    def _end(self, *, reset: bool) -> None:
        self.wfile.flush()
        if reset:
            # Lingering for zero seconds makes close send RST in place of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True
