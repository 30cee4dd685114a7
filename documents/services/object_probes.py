"""What ``probing`` asks a store about objects. ``place`` is the prefix of the objects that a probe may write."""

import hashlib
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from documents.errors import ObjectExists, ObjectNotFound, StorageUnavailable, UnsupportedOperation
from documents.storage.base import StorageProvider
from documents.storage.bucket_capabilities import Versioning
from documents.storage.capabilities import ConditionalCreate, Copying, Multipart

# S3 refuses requests that are signed 15 minutes off (Amazon S3 API Reference, RequestTimeTooSkewed); long before that
# something is wrong with one of the two clocks.
LARGEST_SKEW = timedelta(minutes=1)
_PROBED_RANGE = (1000, 24)
_WITHOUT_CONDITIONS = (
    "The vault looks before it puts, which is enough for the unique keys of its documents; let no second database use "
    "this store, for it would not decide between the two"
)


class ProbeFailed(Exception):
    """A probe saw what must not be."""

    def __init__(self, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.hint = hint


class Lacking(Exception):
    """The store has no such thing, and the vault does without it."""

    def __init__(self, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.hint = hint


def connection(provider: StorageProvider, place: str) -> str:
    """A listing and a look at an object, because an answer to the latter says nothing of why it was refused."""
    next(provider.iter_locations(f"{place}/"), None)
    with suppress(ObjectNotFound):
        provider.head(f"{place}/0")
    return f"{provider.name} answers"


def round_trip(provider: StorageProvider, place: str) -> str:
    """What is written comes back as it was, and what is deleted is gone."""
    key, body = f"{place}/0", os.urandom(70_000)
    reference = provider.put_bytes(key, body)
    if provider.get(key) != body or reference.checksum != f"sha256:{hashlib.sha256(body).hexdigest()}":
        raise ProbeFailed("What was read is not what was written", "Do not use this store")
    provider.delete(key)
    if provider.exists(key):
        raise ProbeFailed("A deleted object is still there", "The store must be strongly consistent")
    return "70,000 bytes came back as they were written"


def conditional_create(provider: StorageProvider, place: str) -> str:
    """Of two puts to one key the second is refused."""
    if not isinstance(provider, ConditionalCreate):
        raise Lacking("no conditional create", _WITHOUT_CONDITIONS)
    key = f"{place}/0"
    try:
        provider.put_if_absent(key, b"first")
    except UnsupportedOperation as error:
        raise Lacking("no conditional create; the store refuses a put with a condition", _WITHOUT_CONDITIONS) from error
    try:
        provider.put_if_absent(key, b"second")
    except ObjectExists:
        return "a second put to the same key was refused"
    hint = "Its keys are unique, so the vault never needs the refusal; but nothing guards against a fault of its own"
    raise ProbeFailed("The store took a second object for the same key", hint)


def range_read(provider: StorageProvider, place: str) -> str:
    """A range gives the bytes that it names, and no others."""
    key, body = f"{place}/0", os.urandom(5_000)
    provider.put_bytes(key, body)
    start, length = _PROBED_RANGE
    try:
        is_right = provider.get_range(key, start, length) == body[start : start + length]
    except StorageUnavailable:
        # A reader that is given the whole for a range takes the answer for broken. So it is, unless nothing answers.
        provider.get(key)
        is_right = False
    if not is_right:
        raise ProbeFailed("A range gave other bytes than asked for", "The store must support the Range header")
    return f"{length} bytes from byte {start:,}"


def listing(provider: StorageProvider, place: str) -> str:
    """What was just written is listed, each object once."""
    keys = [f"{place}/{number}" for number in range(3)]
    for key in keys:
        provider.put_bytes(key, b"x")
    if sorted(info.key for info in provider.iter_locations(f"{place}/")) != keys:
        raise ProbeFailed("A listing did not show what was just written", "The store must be strongly consistent")
    return "three objects, each once"


def clock(provider: StorageProvider, place: str) -> str:
    """The store dates objects by about the same time as this machine."""
    key = f"{place}/0"
    provider.put_bytes(key, b"x")
    skew = abs(provider.head(key).modified_at - datetime.now(UTC))
    if skew > LARGEST_SKEW:
        raise ProbeFailed(
            f"The clocks of this machine and of the store differ by {skew.total_seconds():,.0f} s",
            "Compare both with a clock that is right, and set the wrong one by NTP",
        )
    return f"{skew.total_seconds():.0f} s apart"


def copy(provider: StorageProvider, place: str) -> str:
    """A copy within the store is what it was made of."""
    if not isinstance(provider, Copying):
        raise Lacking("no copies within the store")
    provider.put_bytes(f"{place}/0", b"copied")
    provider.copy(f"{place}/0", f"{place}/1")
    if provider.get(f"{place}/1") != b"copied":
        raise ProbeFailed("A copy is not what it was made of", "Do not use this store")
    return "an object was copied within the store"


def versioning(provider: StorageProvider, _place: str) -> str:
    """Whether the bucket keeps versions."""
    if not isinstance(provider, Versioning):
        raise Lacking("no versions")
    return f"versioning is {provider.versioning_state()}"


def multipart(provider: StorageProvider, place: str) -> str:
    """An object of two parts is what was uploaded."""
    if not isinstance(provider, Multipart):
        raise Lacking("no parts; large objects are streamed in one piece")
    cut = provider.min_part_size
    key, body = f"{place}/0", os.urandom(cut + 1)
    upload_id = provider.create_multipart(key)
    try:
        parts = [
            provider.upload_part(key, upload_id, number, piece) for number, piece in ((1, body[:cut]), (2, body[cut:]))
        ]
        provider.complete_multipart(key, upload_id, parts)
    except BaseException:
        provider.abort_multipart(key, upload_id)
        raise
    if provider.get(key) != body:
        raise ProbeFailed("An object of two parts is not what was uploaded", "Do not use this store")
    return f"{len(body):,} bytes in two parts"
