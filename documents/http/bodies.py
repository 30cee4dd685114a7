"""Request bodies that are documents: measured before they are read, read piece by piece, never spooled."""

import time
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest
from django.http.request import RawPostDataException, UnreadablePostError

from documents.errors import UploadIncomplete, UploadLengthRequired, UploadTooLarge
from documents.services.uploads import upload_limit

READ_SIZE = 1024 * 1024  # a whole batch of a Digest, which then needs no copy
# How much of a refused body is still read, and for how long: enough for most clients to come to the answer.
DISCARDED_SIZE = 64 * 1024 * 1024
DISCARDED_SECONDS = 5
# What a form adds around its files: boundaries, part headers, the other fields.
FORM_OVERHEAD = 1024 * 1024


def announced_length(request: HttpRequest, *, files: int = 1, overhead: int = 0) -> int:
    """Return Content-Length. Raises UploadLengthRequired, or UploadTooLarge beyond the limit; nothing is read."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or -1)
    except ValueError:
        length = -1
    if length < 0:
        raise UploadLengthRequired
    limit = upload_limit()
    if length > limit * files + overhead:
        raise UploadTooLarge(limit)
    return length


def raw_body(request: HttpRequest) -> Iterator[bytes]:
    """Return the body in pieces. Raises as ``announced_length`` does, at once.

    The iterator raises UploadIncomplete where the client sends less than it announced.
    """
    return _pieces(request, announced_length(request))


def _pieces(request: HttpRequest, expected: int) -> Iterator[bytes]:
    received = 0
    while received < expected:
        try:
            piece = request.read(min(READ_SIZE, expected - received))
        except (UnreadablePostError, RawPostDataException, OSError) as error:
            raise UploadIncomplete(received=received, expected=expected) from error
        if not piece:
            raise UploadIncomplete(received=received, expected=expected)
        received += len(piece)
        yield piece


def discard_rest(request: HttpRequest) -> None:
    """Read what is left of a body that was refused in the middle, within limits.

    A client that is still sending when the connection is closed sees a broken connection, not our answer.
    """
    deadline, discarded = time.monotonic() + DISCARDED_SECONDS, 0
    try:
        while discarded < DISCARDED_SIZE and time.monotonic() < deadline:
            piece = request.read(READ_SIZE)
            if not piece:
                return
            discarded += len(piece)
    except (UnreadablePostError, RawPostDataException, OSError):
        return  # it has gone


def header_filename(request: HttpRequest) -> str:
    """Return ``X-Filename``: percent-encoded UTF-8, or UTF-8 as it is. Malformed sequences become U+FFFD."""
    # WSGI hands a header's bytes over as Latin-1 (PEP 3333, "Unicode Issues").
    header = request.headers.get("X-Filename", "").encode("latin-1", errors="replace")
    return unquote_to_bytes(header).decode(errors="replace")
