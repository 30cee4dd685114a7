"""An HTTP server that passes requests on to another and lets the tests have a hand in what comes back."""

import http.client
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a server that lives as long as the block."""
    server = _Server(("127.0.0.1", 0), handler)
    if tls:
        # The handshake belongs to the thread of the connection: a client that hangs up in it must not end the server.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up in the middle here; that is what is tested, and nothing to print."""


class ForwardingHandler(BaseHTTPRequestHandler):
    """Passes each request on to ``target``, a host and port, and the answer back."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    target: str

    def handle_any(self) -> None:
        self.send(self.forward(self.read_body()))

    def _do_any(self) -> None:
        self.handle_any()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_OPTIONS = _do_any  # noqa: N815

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def forward(self, body: bytes) -> Answer:
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        return self.ask(self.path, headers, body)

    def ask(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self.target, timeout=10)
        try:
            connection.request(self.command, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            kept = tuple(
                (name, value) for name, value in answer.getheaders()
                if name.lower() not in ("connection", "transfer-encoding", "content-length")
            )  # fmt: skip
            length = (("Content-Length", answer.getheader("Content-Length", "0")),) if self.command == "HEAD" else ()
            return Answer(answer.status, (*kept, *length), answer.read())
        finally:
            connection.close()

    def send(self, answer: Answer) -> None:
        self.send_head(answer)
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_head(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command != "HEAD" and answer.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
