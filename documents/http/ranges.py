"""The Range header (RFC 9110 §14): one range of bytes, or none."""

import re
from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes [start, stop) of a representation."""

    start: int
    stop: int


class UnsatisfiableRange(ValueError):
    """The range lies outside; the answer is 416 with ``Content-Range: bytes */size``."""


# 19 digits are more than any object has; a longer number is not worth parsing.
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def requested_range(request: HttpRequest, *, size: int, etag: str) -> ByteRange | None:
    """Return the one range asked for, or None where the whole representation is the answer.

    A header that is malformed, of another unit or of several ranges is ignored, as RFC 9110 §14.2 allows; so is any
    range where If-Range names another representation (§13.1.5: a strong ETag only). Raises UnsatisfiableRange.
    """
    header = request.headers.get("Range")
    if header is None or request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= size or stop <= start:
        raise UnsatisfiableRange
    return ByteRange(start, stop)
