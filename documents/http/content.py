"""A document as an HTTP response: streamed, ranged, and never able to run in our origin."""

import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from documents.http.ranges import ByteRange, UnsatisfiableRange, requested_range
from documents.models import Attachment
from documents.models.connection import release_connection
from documents.services.downloads import Download
from documents.services.names import UNKNOWN_TYPE, clean_filename

# Every JavaScript MIME type (WHATWG MIME Sniffing §4.6) has one of these words in it.
_RUNS_WHEN_LOADED = re.compile(r"javascript|ecmascript|jscript|livescript|text/css|wasm", re.IGNORECASE)

Response = TypeVar("Response", bound=HttpResponseBase)
OpenDownload = Callable[[int, int], Download]


def content_response(
    request: HttpRequest, attachment: Attachment, open_download: OpenDownload, *, ranges: bool
) -> HttpResponseBase:
    """Answer GET or HEAD with an attachment's plaintext.

    ``open_download(start, stop)`` is called for GET alone, after every precondition; what it raises passes through.
    ``ranges`` is False where each request counts and must give the whole. Answers 200, 206, 304 or 416.
    """
    # RFC 9110 §8.8.3, strong: the object is write-once, so its digest names exactly one representation.
    etag = f'"{attachment.digest}"'
    if not _tags(request.headers.get("If-None-Match", "")).isdisjoint({etag, "*"}):
        return _with_headers(HttpResponse(status=304), attachment, etag, ranges=ranges)
    try:
        wanted = requested_range(request, size=attachment.size, etag=etag) if ranges else None
    except UnsatisfiableRange:
        refused = HttpResponse(status=416, headers={"Content-Range": f"bytes */{attachment.size}"})
        return _with_headers(refused, attachment, etag, ranges=ranges)
    span = wanted or ByteRange(0, attachment.size)
    response = _body(request, span, open_download, status=206 if wanted else 200)
    response["Content-Length"] = str(span.stop - span.start)
    if wanted:
        response["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{attachment.size}"
    return _with_headers(response, attachment, etag, ranges=ranges)


def _body(request: HttpRequest, span: ByteRange, open_download: OpenDownload, *, status: int) -> HttpResponseBase:
    if request.method == "HEAD":
        return HttpResponse(status=status)
    download = open_download(span.start, span.stop)
    release_connection()
    return StreamingHttpResponse(download, status=status)


def _with_headers(response: HttpResponseBase, attachment: Attachment, etag: str, *, ranges: bool) -> HttpResponseBase:
    """Set what keeps uploaded content from running: attachment, nosniff, a sandbox, no sharing, no caching."""
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes" if ranges else "none"
    response["Content-Type"] = inert_type(attachment.content_type)
    # Cleaned once more: rows written by other means must not split a header either.
    response["Content-Disposition"] = disposition(clean_filename(attachment.filename))
    return inert_headers(response)


def inert_headers(response: Response) -> Response:
    """Set what keeps uploaded content from running in our origin, from being shared and from being cached."""
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'; frame-ancestors 'none'"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


def disposition(name: str) -> str:
    """Return the Content-Disposition of a download with this name, which is clean.

    Browsers decode what looks percent-encoded in a plain ``filename``: such a name is sent encoded as well (RFC 6266).
    """
    header = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return header if "%" not in name or "filename*" in header else f"{header}; filename*=utf-8''{quote(name, safe='')}"


def inert_type(content_type: str) -> str:
    """Return the type to send: scripts and style sheets become application/octet-stream.

    Our policy lets pages load scripts from our own origin, so a document sent as one would run where a page was made to
    name it. A sandbox does not stop that, for it binds documents and not what they load; the type does, with nosniff.
    """
    return UNKNOWN_TYPE if _RUNS_WHEN_LOADED.search(content_type) else content_type


def _tags(header: str) -> set[str]:
    # If-None-Match compares weakly (RFC 9110 §13.1.2); "*" matches whatever exists.
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
