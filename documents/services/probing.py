"""Asking a store what it really does: each probe writes, reads and deletes objects of its own below ``check/``.

What a store's documentation promises and what it does are two things: some look-alikes of S3 take a conditional write
and ignore the condition. A probe that fails names what happened and what to do.
"""

import hashlib
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from documents.errors import ObjectExists, ObjectNotFound, StorageError
from documents.storage.base import StorageProvider
from documents.storage.bucket_capabilities import Versioning
from documents.storage.capabilities import Copying, Multipart, Presigning

# S3 refuses requests that are signed 15 minutes off (Amazon S3 API Reference, RequestTimeTooSkewed); long before that
# something is wrong with one of the two clocks.
LARGEST_SKEW = timedelta(minutes=1)
_PROBED_RANGE = (1000, 24)


class Outcome(StrEnum):
    """MISSING: the store lacks it, and the vault does without."""

    OK = "ok"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe found. ``hint`` says what to do where it failed."""

    probe: str
    outcome: Outcome
    detail: str = ""
    hint: str = ""


class ProbeFailed(Exception):
    """A probe saw what must not be."""

    def __init__(self, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.hint = hint


def probe_storage(provider: StorageProvider, *, thorough: bool = True) -> Iterator[Finding]:
    """Yield a finding for each probe, as it ends. Without a connection nothing else is tried.

    ``thorough`` uploads some MiB in parts and waits for a signed URL to expire, about three seconds.
    """
    place = f"check/{uuid.uuid4()}"
    connection = _found("connection", lambda: _connects(provider, place))
    yield connection
    if connection.outcome is Outcome.FAILED:
        return
    probes: list[tuple[str, Callable[[], str]]] = [
        ("write, read, delete", lambda: _round_trip(provider, place)),
        ("conditional create", lambda: _conditional_create(provider, place)),
        ("range", lambda: _range(provider, place)),
        ("listing", lambda: _listing(provider, place)),
        ("clock", lambda: _clock(provider, place)),
        ("copy", lambda: _copy(provider, place)),
        ("versioning", lambda: _versioning(provider)),
    ]
    if thorough:
        probes += [("multipart", lambda: _multipart(provider, place)), ("signed URL", lambda: _signed(provider, place))]
    for name, probe in probes:
        yield _found(name, probe)
        for number in range(3):
            with suppress(StorageError):
                provider.delete(f"{place}/{number}")


class _Lacking(Exception):
    """The provider has no such capability."""


def _found(name: str, probe: Callable[[], str]) -> Finding:
    try:
        return Finding(name, Outcome.OK, probe())
    except _Lacking as error:
        return Finding(name, Outcome.MISSING, str(error))
    except ProbeFailed as error:
        return Finding(name, Outcome.FAILED, str(error), error.hint)
    except StorageError as error:
        return Finding(name, Outcome.FAILED, str(error), error.hint or "Look at the store's log")


def _connects(provider: StorageProvider, place: str) -> str:
    with suppress(ObjectNotFound):
        provider.head(f"{place}/0")
    return f"{provider.name} answers"


def _round_trip(provider: StorageProvider, place: str) -> str:
    key, body = f"{place}/0", os.urandom(70_000)
    reference = provider.put_bytes(key, body)
    if provider.get(key) != body or reference.checksum != f"sha256:{hashlib.sha256(body).hexdigest()}":
        raise ProbeFailed("What was read is not what was written", "Do not use this store")
    provider.delete(key)
    if provider.exists(key):
        raise ProbeFailed("A deleted object is still there", "The store must be strongly consistent")
    return "70,000 bytes came back as they were written"


def _conditional_create(provider: StorageProvider, place: str) -> str:
    key = f"{place}/0"
    provider.put_bytes(key, b"first")
    try:
        provider.put_bytes(key, b"second")
    except ObjectExists:
        return "a second put to the same key was refused"
    hint = "Its keys are unique, so the vault never needs the refusal; but nothing guards against a fault of its own"
    raise ProbeFailed("The store took a second object for the same key", hint)


def _range(provider: StorageProvider, place: str) -> str:
    key, body = f"{place}/0", os.urandom(5_000)
    provider.put_bytes(key, body)
    start, length = _PROBED_RANGE
    if provider.get_range(key, start, length) != body[start : start + length]:
        raise ProbeFailed("A range gave other bytes than asked for", "The store must support the Range header")
    return f"{length} bytes from byte {start:,}"


def _listing(provider: StorageProvider, place: str) -> str:
    keys = [f"{place}/{number}" for number in range(3)]
    for key in keys:
        provider.put_bytes(key, b"x")
    if sorted(info.key for info in provider.iter_locations(f"{place}/")) != keys:
        raise ProbeFailed("A listing did not show what was just written", "The store must be strongly consistent")
    return "three objects, each once"


def _clock(provider: StorageProvider, place: str) -> str:
    key = f"{place}/0"
    provider.put_bytes(key, b"x")
    skew = abs(provider.head(key).modified_at - datetime.now(UTC))
    if skew > LARGEST_SKEW:
        raise ProbeFailed(f"The clocks differ by {skew.total_seconds():.0f} s", "Set the clock of this machine by NTP")
    return f"{skew.total_seconds():.0f} s apart"


def _copy(provider: StorageProvider, place: str) -> str:
    if not isinstance(provider, Copying):
        raise _Lacking("no copies within the store")
    provider.put_bytes(f"{place}/0", b"copied")
    provider.copy(f"{place}/0", f"{place}/1")
    if provider.get(f"{place}/1") != b"copied":
        raise ProbeFailed("A copy is not what it was made of", "Do not use this store")
    return "an object was copied within the store"


def _versioning(provider: StorageProvider) -> str:
    if not isinstance(provider, Versioning):
        raise _Lacking("no versions")
    return f"versioning is {provider.versioning_state()}"


def _multipart(provider: StorageProvider, place: str) -> str:
    if not isinstance(provider, Multipart):
        raise _Lacking("no parts; large objects are streamed in one piece")
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


def _signed(provider: StorageProvider, place: str) -> str:
    if not isinstance(provider, Presigning):
        raise _Lacking("no signed URLs")
    key = f"{place}/0"
    provider.put_bytes(key, b"signed")
    if _fetch(provider.presign_get(key, expires=timedelta(minutes=1))) != (200, b"signed"):
        raise ProbeFailed("A signed URL does not give the object", "Clients must reach the endpoint under its own name")
    short = provider.presign_get(key, expires=timedelta(seconds=1))
    time.sleep(2.5)
    if _fetch(short)[0] < 400:
        raise ProbeFailed(
            "A signed URL works after its expiry", "This store does not enforce expiry: share by links only"
        )
    return "it gives the object, and expires"


def _fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  # signed by the provider itself
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""
    except OSError as error:
        raise ProbeFailed("A signed URL cannot be fetched", "Is the endpoint reachable from here?") from error
