"""A small HCP for tests: its S3 compatible API and its management API, over real HTTP, strict where HCP is.

What it does is what Hitachi Content Platform Tenant Management Help (MK-95HCPH002) says; objects are in memory.
"""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.storage.fake_hcp_management import FakeManagement
from tests.storage.fake_hcp_messages import Answer, Request
from tests.storage.fake_hcp_objects import FakeNamespaces
from tests.storage.fake_hcp_s3 import FakeS3

USER, PASSWORD, TENANT, NAMESPACE = "lgreen", "p4ssword-canary", "europe", "finance"
# Longer than the read timeout of the impatient clients under test.
SILENCE_SECONDS = 5.0


@dataclass
class FakeHcp:
    """``answer_with`` stands in for the next answers, as long as it returns one; ``seen`` are all requests."""

    url: str
    namespaces: FakeNamespaces
    management: FakeManagement
    s3: FakeS3
    seen: list[Request] = field(default_factory=list)
    answer_with: Callable[[Request], Answer | None] = lambda _request: None

    def reset(self) -> None:
        self.seen.clear()
        self.answer_with = lambda _request: None
        self.namespaces.reset()
        self.management.reset()

    def answer(self, request: Request) -> Answer:
        self.seen.append(request)
        if made_up := self.answer_with(request):
            return made_up
        if request.path.startswith("/mapi/"):
            return self.management.answer(request)
        return self.s3.answer(request)


@contextmanager
def fake_hcp(certificate: ssl.SSLContext | None = None) -> Iterator[FakeHcp]:
    """Run one on a port of its own, over TLS where there is a ``certificate``."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if certificate:
        server.socket = certificate.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    namespaces = FakeNamespaces(NAMESPACE, owner=USER)
    server.hcp = FakeHcp(
        url=f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}",
        namespaces=namespaces,
        management=FakeManagement(USER, PASSWORD, TENANT, NAMESPACE),
        s3=FakeS3(namespaces, USER, PASSWORD),
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.hcp
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hcp: FakeHcp

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up in the middle here; that is what is tested, and nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Server

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=unquote(parts.path),
            raw_path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        self._send(self.server.hcp.answer(request))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any  # noqa: N815

    def _send(self, answer: Answer) -> None:
        if answer.is_silent:
            threading.Event().wait(SILENCE_SECONDS)
        if answer.is_silent or answer.is_lost:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        headers = {"Server": "HCP V9.7.0", "Content-Length": str(len(answer.body)), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut_at])
            self.close_connection = answer.cut_at is not None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
