"""A Google Cloud Storage of the tests' own, that keeps the conditions which gcp-storage-emulator ignores.

It speaks the part of the JSON API that the vault uses, as Google documents it (Cloud Storage, "JSON API reference",
"Resumable uploads", "Request preconditions", "Batch requests"), and remembers every request.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

OBJECTS = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o")
OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
REWRITE = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/rewriteTo/b/([^/]+)/o/([^/]+)")
UPLOAD = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
NESTED_CALL = re.compile(r"^(DELETE) (\S+) HTTP/1.1\r?$", re.MULTILINE)
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
LISTED_AT_ONCE = 1_000
# A copy of more bytes takes two steps.
REWRITTEN_AT_ONCE = 1_000_000


class Refused(Exception):
    def __init__(self, status: int, reason: str = "") -> None:
        self.status = status
        self.body = {"error": {"code": status, "message": "made up", "errors": [{"reason": reason}]}}


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Session:
    bucket: str
    name: str
    condition: str | None
    body: bytearray = field(default_factory=bytearray)
    stored: dict[str, Any] | None = None


class GcsServer:
    """``requests`` are all that came, ``sessions`` the uploads begun and neither ended nor cancelled.

    ``persist`` says how many bytes of a part of an upload are taken, as the real one may take fewer than were sent.
    """

    def __init__(self) -> None:
        self.endpoint_url = ""
        self.requests: list[Request] = []
        self.sessions: dict[str, Session] = {}
        self.persist: Callable[[int], int] = lambda size: size
        self._lock = threading.RLock()
        self._buckets: dict[str, dict[str, tuple[dict[str, Any], bytes]]] = {}
        self._generation = count(1_700_000_000_000_000)

    def create_bucket(self, name: str) -> None:
        self._buckets[name] = {}

    def delete_bucket(self, name: str) -> None:
        del self._buckets[name]

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            try:
                return self._route(request)
            except Refused as refusal:
                return _json(refusal.body, refusal.status)

    def _route(self, request: Request) -> Answer:
        path = request.path
        if path == "/batch/storage/v1":
            return self._batch(request)
        if path.startswith("/session/"):
            return self._session(path.rpartition("/")[2], request)
        for pattern, handle in ((UPLOAD, self._upload), (OBJECTS, self._list), (REWRITE, self._rewrite)):
            if match := pattern.fullmatch(path):
                return handle(request, *map(unquote, match.groups()))
        if match := OBJECT.fullmatch(path):
            bucket, name = map(unquote, match.groups())
            if request.method == "DELETE":
                self._found(bucket, name)
                del self._buckets[bucket][name]
                return Answer(204)
            return self._get(request, bucket, name)
        raise Refused(404, "notFound")

    def _bucket(self, bucket: str) -> dict[str, tuple[dict[str, Any], bytes]]:
        if bucket not in self._buckets:
            raise Refused(404, "notFound")
        return self._buckets[bucket]

    def _found(self, bucket: str, name: str) -> tuple[dict[str, Any], bytes]:
        found = self._bucket(bucket).get(name)
        if found is None:
            raise Refused(404, "notFound")
        return found

    def _check(self, bucket: str, name: str, condition: str | None) -> None:
        there = self._bucket(bucket).get(name)
        if condition is not None and condition != (there[0]["generation"] if there else "0"):
            raise Refused(412, "conditionNotMet")

    def _store(self, bucket: str, name: str, condition: str | None, body: bytes) -> dict[str, Any]:
        self._check(bucket, name, condition)
        resource = {
            "kind": "storage#object", "name": name, "bucket": bucket, "size": str(len(body)),
            "generation": str(next(self._generation)), "metageneration": "1",
            "timeCreated": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "crc32c": _crc32c(body),
        }  # fmt: skip
        self._buckets[bucket][name] = (resource, body)
        return resource

    def _get(self, request: Request, bucket: str, name: str) -> Answer:
        resource, body = self._found(bucket, name)
        self._check(bucket, name, request.query.get("ifGenerationMatch"))
        if request.query.get("alt") != "media":
            return _json(resource)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if wanted is None:
            return Answer(200, body)
        start, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
        if start >= len(body):
            raise Refused(416, "requestedRangeNotSatisfiable")
        return Answer(206, body[start : last + 1], {"Content-Range": f"bytes {start}-{last}/{len(body)}"})

    def _list(self, request: Request, bucket: str) -> Answer:
        after, most = request.query.get("pageToken", ""), int(request.query.get("maxResults", LISTED_AT_ONCE))
        prefix = request.query.get("prefix", "")
        first = request.query.get("startOffset", "")
        names = sorted(
            name for name in self._bucket(bucket) if name.startswith(prefix) and name > after and name >= first
        )
        page: dict[str, Any] = {"kind": "storage#objects"}
        if names:
            page["items"] = [self._buckets[bucket][name][0] for name in names[:most]]
        if len(names) > most:
            page["nextPageToken"] = names[most - 1]
        return _json(page)

    def _rewrite(self, request: Request, bucket: str, source: str, to_bucket: str, name: str) -> Answer:
        _, body = self._found(bucket, source)
        self._check(bucket, source, request.query.get("ifSourceGenerationMatch"))
        self._check(to_bucket, name, request.query.get("ifGenerationMatch"))
        if len(body) > REWRITTEN_AT_ONCE and "rewriteToken" not in request.query:
            return _json({"totalBytesRewritten": "1", "objectSize": str(len(body)), "done": False, "rewriteToken": "t"})
        resource = self._store(to_bucket, name, request.query.get("ifGenerationMatch"), body)
        size = resource["size"]
        return _json({"totalBytesRewritten": size, "objectSize": size, "done": True, "resource": resource})

    def _upload(self, request: Request, bucket: str) -> Answer:
        condition = request.query.get("ifGenerationMatch")
        if request.query["uploadType"] == "resumable":
            name = json.loads(request.body)["name"]
            self._check(bucket, name, condition)
            session_id = str(next(self._generation))
            self.sessions[session_id] = Session(bucket, name, condition)
            return Answer(200, headers={"Location": f"http://{request.headers['host']}/session/{session_id}"})
        boundary = b"--" + request.headers["content-type"].partition("boundary=")[2].strip("\"'").encode()
        _, metadata, media, _ = request.body.split(boundary)
        resource = json.loads(metadata.partition(b"\r\n\r\n")[2])
        body = media.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        if resource.get("crc32c", _crc32c(body)) != _crc32c(body):
            raise Refused(400, "invalid")
        return _json(self._store(bucket, resource["name"], condition, body))

    def _session(self, session_id: str, request: Request) -> Answer:
        session = self.sessions.get(session_id)
        if session is None:
            raise Refused(410, "gone")
        if request.method == "DELETE":
            del self.sessions[session_id]
            return Answer(499)
        if session.stored is None:
            self._take(session, request)
        if session.stored is not None:
            return _json(session.stored)
        received = {"Range": f"bytes=0-{len(session.body) - 1}"} if session.body else {}
        return Answer(308, headers=received)

    def _take(self, session: Session, request: Request) -> None:
        span = CONTENT_RANGE.fullmatch(request.headers["content-range"])
        assert span is not None
        assert span[1] is None or int(span[2]) - int(span[1]) + 1 == len(request.body)
        is_last = span[3] != "*"
        if span[1] is not None:
            assert int(span[1]) == len(session.body), "a gap"
            assert is_last or len(request.body) % (256 * 1024) == 0, "a part that is no multiple of 256 KiB"
            session.body += request.body[: self.persist(len(request.body))]
        if is_last and len(session.body) == int(span[3]):
            announced = request.headers.get("x-goog-hash", "").removeprefix("crc32c=")
            if announced != _crc32c(bytes(session.body)):
                raise Refused(400, "invalid")
            session.stored = self._store(session.bucket, session.name, session.condition, bytes(session.body))

    def _batch(self, request: Request) -> Answer:
        calls = NESTED_CALL.findall(request.body.decode())
        assert len(calls) <= 100, "Google takes 100 calls in a batch"
        answered = b""
        for method, url in calls:
            nested = self.answer(Request(method, urlsplit(url).path, _query(url), {}, b""))
            answered += b"--batch_answers\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 %d Said\r\n" % nested.status
            answered += b"Content-Type: application/json\r\n\r\n" + nested.body + b"\r\n"
        kind = {"Content-Type": 'multipart/mixed; boundary="batch_answers"'}
        return Answer(200, answered + b"--batch_answers--", kind)


@contextmanager
def gcs_server() -> Iterator[GcsServer]:
    class Handler(_Handler):
        store = GcsServer()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.store.endpoint_url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Handler.store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True
    store: GcsServer

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.store.answer(Request(self.command, path, _query(self.path), headers, body))
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=UTF-8"})


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


def _crc32c(body: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(body).digest()).decode()
