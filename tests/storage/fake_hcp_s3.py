"""The S3 compatible API of the fake HCP: what a request is, and what objects do."""

import re
from email.utils import format_datetime

from tests.storage.fake_hcp_buckets import answer_for_bucket, answer_for_tenant
from tests.storage.fake_hcp_grants import answer_for_grants
from tests.storage.fake_hcp_messages import Answer, Refused, Request, xml
from tests.storage.fake_hcp_multipart import answer_for_upload, copied_source
from tests.storage.fake_hcp_objects import FakeNamespaces, Namespace, Version, check_md5, md5
from tests.storage.fake_hcp_signature import check_signature

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class FakeS3:
    """``knows_conditions`` False makes an HCP that ignores If-None-Match, as releases before it was documented."""

    def __init__(self, namespaces: FakeNamespaces, user: str, password: str) -> None:
        self.namespaces, self.user, self.password = namespaces, user, password
        self.knows_conditions = True

    def answer(self, request: Request) -> Answer:
        try:
            with self.namespaces.lock:
                check_signature(request, self.user, self.password)
                return self._answer(request)
        except Refused as refused:
            return refused.answer

    def _answer(self, request: Request) -> Answer:
        name, _, key = request.path.removeprefix("/").partition("/")
        if not name:
            return answer_for_tenant(self.namespaces)
        if not key:
            return answer_for_bucket(self.namespaces, name, request)
        namespace = self.namespaces.found(name)
        if "acl" in request.query:
            return answer_for_grants(namespace.found(key), namespace, request)
        if "uploadId" in request.query or "uploads" in request.query:
            return answer_for_upload(self.namespaces, namespace, key, request, if_absent=self._is_condition(request))
        return self._object(namespace, key, request)

    def _object(self, namespace: Namespace, key: str, request: Request) -> Answer:
        match request.method:
            case "GET" | "HEAD":
                return _read(namespace.found(key, request.query.get("versionId", "")), request)
            case "DELETE":
                namespace.delete(key, request.query.get("versionId", ""))
                return Answer(204)
            case "PUT" if "x-amz-copy-source" in request.headers:
                source = copied_source(self.namespaces, request)
                copied = namespace.store(key, source.data or b"", source.etag, if_absent=False)
                return xml(f"<CopyObjectResult><ETag>&quot;{copied.etag}&quot;</ETag></CopyObjectResult>")
            case "PUT":
                check_md5(request)
                stored = namespace.store(key, request.body, md5(request.body), if_absent=self._is_condition(request))
                return Answer(200, headers={"ETag": f'"{stored.etag}"'})
        raise Refused(405, "MethodNotAllowed")

    def _is_condition(self, request: Request) -> bool:
        return self.knows_conditions and request.headers.get("if-none-match") == "*"


def _read(version: Version, request: Request) -> Answer:
    data, headers = version.data, {"ETag": f'"{version.etag}"', "Last-Modified": _http_date(version)}
    if data is None:
        raise Refused(405, "MethodNotAllowed")
    if "if-match" in request.headers and request.headers["if-match"].strip('"') != version.etag:
        raise Refused(412, "PreconditionFailed")
    headers |= {
        name: request.query[f"response-{name.lower()}"]
        for name in ("Content-Type", "Content-Disposition")
        if f"response-{name.lower()}" in request.query
    }
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None:
        return Answer(200, data, headers)
    start = int(asked[1])
    end = min(int(asked[2] or len(data)) + 1, len(data))
    if start >= len(data):
        raise Refused(416, "InvalidRange")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return Answer(206, data[start:end], headers)


def _http_date(version: Version) -> str:
    return format_datetime(version.modified_at, usegmt=True)
