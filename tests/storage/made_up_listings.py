"""A server that holds any number of objects, because it makes up each page of a listing when it is asked for.

It speaks the listings of S3 (ListObjectsV2), Google Cloud Storage (Objects: list) and Azure (List Blobs), in pages of
a thousand or, for Azure, of as many as are asked for. A page names the next by the number of its first object.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.storage.forwarding_server import serving

PAGE_SIZE = 1_000


@dataclass
class MadeUpListing:
    """``count`` objects, ``pages`` of which were asked for so far."""

    count: int
    endpoint_url: str = ""
    pages: int = 0


@contextmanager
def made_up_listing(count: int) -> Iterator[MadeUpListing]:
    class Handler(_Handler):
        listing = MadeUpListing(count)

    with serving(Handler) as Handler.listing.endpoint_url:
        yield Handler.listing


def key_of(number: int) -> str:
    return f"documents/user_{number % 100}/2026/01/01/{number:032x}.vlt"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True
    listing: MadeUpListing

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.listing.pages += 1
        if "list-type" in query:
            body = self._s3(int(query.get("continuation-token", 0)))
        elif query.get("comp") == "list":
            body = self._azure(int(query.get("marker", 0)), int(query.get("maxresults", PAGE_SIZE)))
        else:
            body = self._gcs(int(query.get("pageToken", 0)))
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json" if body.startswith("{") else "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _page(self, first: int, size: int) -> tuple[range, int | None]:
        end = min(first + size, self.listing.count)
        return range(first, end), end if end < self.listing.count else None

    def _s3(self, first: int) -> str:
        page, following = self._page(first, PAGE_SIZE)
        entries = (
            f"<Contents><Key>{key_of(number)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{number:032x}&quot;</ETag><Size>{number}</Size></Contents>"
            for number in page
        )
        token = "" if following is None else f"<NextContinuationToken>{following}</NextContinuationToken>"
        return (
            f'<?xml version="1.0"?><ListBucketResult><IsTruncated>{str(bool(token)).lower()}</IsTruncated>'
            f"{''.join(entries)}{token}</ListBucketResult>"
        )

    def _azure(self, first: int, size: int) -> str:
        page, following = self._page(first, size)
        blobs = (
            f"<Blob><Name>{key_of(number)}</Name><Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT"
            f"</Last-Modified><Etag>0x{number:x}</Etag><Content-Length>{number}</Content-Length>"
            "<BlobType>BlockBlob</BlobType></Properties></Blob>"
            for number in page
        )
        return (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults>'
            f"<MaxResults>{size}</MaxResults><Blobs>{''.join(blobs)}</Blobs>"
            f"<NextMarker>{'' if following is None else following}</NextMarker></EnumerationResults>"
        )

    def _gcs(self, first: int) -> str:
        page, following = self._page(first, PAGE_SIZE)
        items = [
            {"name": key_of(number), "size": str(number), "timeCreated": "2026-01-01T00:00:00Z",
             "generation": str(number + 1)}
            for number in page
        ]  # fmt: skip
        token = {} if following is None else {"nextPageToken": str(following)}
        return json.dumps({"kind": "storage#objects", "items": items, **token})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
