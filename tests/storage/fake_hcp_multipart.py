"""Multipart uploads and copies of the fake HCP's S3 compatible API."""

import re
import uuid
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree as ET

from tests.storage.fake_hcp_messages import Answer, Refused, Request, xml
from tests.storage.fake_hcp_objects import FakeNamespaces, Namespace, Upload, Version, check_md5, md5

XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def answer_for_upload(
    namespaces: FakeNamespaces, namespace: Namespace, key: str, request: Request, *, if_absent: bool
) -> Answer:
    if "uploads" in request.query:
        upload_id = uuid.uuid4().hex
        namespace.uploads[upload_id] = Upload(key)
        return xml(f"<InitiateMultipartUploadResult><UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>")
    upload_id = request.query["uploadId"]
    upload = namespace.upload(upload_id, key)
    match request.method:
        case "PUT":
            return _part(namespaces, upload, request)
        case "GET":
            return _parts(upload)
        case "DELETE":
            del namespace.uploads[upload_id]
            return Answer(204)
    whole = namespace.complete(upload_id, _listed(request.body), if_absent=if_absent)
    return xml(f"<CompleteMultipartUploadResult><ETag>&quot;{whole.etag}&quot;</ETag></CompleteMultipartUploadResult>")


def copied_source(namespaces: FakeNamespaces, request: Request) -> Version:
    """The object that a request to copy names. Raises Refused where it is not there, or another by now."""
    path, _, query = request.headers["x-amz-copy-source"].removeprefix("/").partition("?")
    name, _, key = unquote(path).partition("/")
    version = namespaces.found(name).found(key, dict(parse_qsl(query)).get("versionId", ""))
    wanted = request.headers.get("x-amz-copy-source-if-match", version.etag).strip('"')
    if wanted != version.etag:
        raise Refused(412, "PreconditionFailed")
    return version


def _part(namespaces: FakeNamespaces, upload: Upload, request: Request) -> Answer:
    data = request.body
    check_md5(request)
    if "x-amz-copy-source" in request.headers:
        data = copied_source(namespaces, request).data or b""
        if asked := _RANGE.fullmatch(request.headers.get("x-amz-copy-source-range", "")):
            data = data[int(asked[1]) : int(asked[2]) + 1]
    etag = md5(data)
    upload.parts[int(request.query["partNumber"])] = (data, etag)
    return xml(f"<CopyPartResult><ETag>&quot;{etag}&quot;</ETag></CopyPartResult>", headers={"ETag": f'"{etag}"'})


def _parts(upload: Upload) -> Answer:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag><Size>{len(data)}</Size></Part>"
        for number, (data, etag) in sorted(upload.parts.items())
    )
    return xml(f"<ListPartsResult><IsTruncated>false</IsTruncated>{parts}</ListPartsResult>")


def _listed(body: bytes) -> list[tuple[int, str]]:
    parts = ET.fromstring(body).iter(f"{XMLNS}Part")  # noqa: S314  # what the client under test wrote
    return [
        (int(part.findtext(f"{XMLNS}PartNumber", "0")), part.findtext(f"{XMLNS}ETag", "").strip('"')) for part in parts
    ]
