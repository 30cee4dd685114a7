"""What some stores can do and others cannot: one protocol for each capability.

Ask first, with ``isinstance(provider, Copying)``, or demand it with ``require(provider, Copying)``, which raises
``UnsupportedOperation`` naming provider and capability. Nothing is emulated with weaker semantics: a provider claims a
capability only where its store keeps the promise. ``conformance_capabilities.py`` checks each.

Conventions are those of ``base.py``: bytes, ``timedelta``, aware UTC, ETags without quotes, lazy listings.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar, runtime_checkable

from documents.errors import StorageError, UnsupportedOperation
from documents.storage.base import Buffer, ObjectInfo, ObjectRef, StorageProvider

Capability = TypeVar("Capability")


def require(provider: StorageProvider, capability: type[Capability]) -> Capability:
    """Return ``provider`` as one that has ``capability``. Raises UnsupportedOperation where it has not."""
    if isinstance(provider, capability):
        return provider
    raise UnsupportedOperation(f"This store has no capability {capability.__name__}", provider=provider.name)


@runtime_checkable
class ConditionalCreate(Protocol):
    """Of two writers racing for a key one wins and the other gets ``ObjectExists``, decided by the store itself."""

    def put_if_absent(self, key: str, data: Buffer) -> ObjectRef:
        """``put_bytes``, with that promise. Raises ObjectExists to all but one."""
        ...


@runtime_checkable
class Presigning(Protocol):
    """URLs signed by the store, for a client that holds no credentials. What they carry is ciphertext.

    ``expires`` counts in whole seconds, from 1 s to 7 days (the limit of S3). A client of ``presign_put`` must send
    the header ``If-None-Match: *``, which the signature covers, so that the URL cannot overwrite an object either.
    """

    def presign_get(
        self, key: str, *, expires: timedelta, content_type: str = "", content_disposition: str = ""
    ) -> str:
        """Return a URL whose GET gives the object. It is not asked whether there is one.

        Where they are given, the answer has this Content-Type and Content-Disposition.
        """
        ...

    def presign_put(self, key: str, *, expires: timedelta, checksum: str = "") -> str:
        """Return a URL whose PUT stores a new object in one request.

        With ``checksum`` (``"sha256:" + hex``) the store takes that body alone, and the client must send the header
        ``x-amz-checksum-sha256``, in Base64.
        """
        ...

    def presign_part(self, key: str, *, upload_id: str, part_number: int, expires: timedelta) -> str:
        """Return a URL whose PUT uploads one part of a multipart upload; its answer's ETag names the part."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """One uploaded part: numbers count from 1, sizes in bytes, ETag without quotes."""

    number: int
    etag: str
    size: int


@runtime_checkable
class Multipart(Protocol):
    """An object written in parts, visible once ``complete_multipart`` returned.

    Every part but the last has at least ``min_part_size`` bytes. ``create_multipart`` returns the upload id;
    ``iter_multiparts`` gives key, upload id and start of what was neither completed nor aborted. ``abort_multipart``
    of what is not there succeeds; ``upload_part`` and ``list_parts`` raise ``ObjectNotFound`` then, and
    ``complete_multipart`` any ``StorageError``, because stores differ. It raises ``ObjectExists`` where the key is
    taken, but not every store decides a race of two completions: keys of large objects must be unique.
    """

    @property
    def min_part_size(self) -> int:
        """Bytes; 5 MiB for S3 (Amazon S3 User Guide, "Amazon S3 multipart upload limits")."""
        ...

    def create_multipart(self, key: str) -> str:
        """Begin an upload and return its id. The caller completes or aborts it."""
        ...

    def upload_part(self, key: str, upload_id: str, part_number: int, data: Buffer) -> Part:
        """Store a part, in place of an earlier one of the same number. Parts may come in any order and in parallel."""
        ...

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        """Yield the parts stored so far, by number."""
        ...

    def complete_multipart(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        """Join ``parts``, in this order, to the object. Raises IntegrityMismatch where they are not those stored."""
        ...

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Throw the upload and its parts away. Safe to repeat."""

    def iter_multiparts(self, prefix: str = "") -> Iterator[tuple[str, str, datetime]]:
        """Yield key, upload id and start, in UTC, of every unfinished upload whose key starts with ``prefix``."""
        ...


class MultipartProvider(StorageProvider, Multipart, Protocol):
    """What the buffered multipart writer writes to."""


@runtime_checkable
class UnfinishedWrites(Protocol):
    """Writers that were killed leave something that no listing shows; this removes it and returns the count.

    ``older_than`` must exceed the longest pause of a live upload, whose parts would be taken from it.
    """

    def remove_unfinished(self, *, older_than: timedelta, only: Callable[[str], bool] | None = None) -> int:
        """Remove what was begun longer ago than ``older_than`` and was not committed. Safe to repeat.

        ``only`` is asked with the key of each such write, and what it denies is left. A store that does not keep the
        key, as the local disk does not, asks with the path of the unfinished file, which is beside the key's own.
        """
        ...


@runtime_checkable
class FreeSpace(Protocol):
    """A store with an end, that says how far away it is."""

    def free_bytes(self) -> int:
        """Return how many bytes can still be written, by anybody, at this moment. Raises StorageUnavailable."""
        ...


@runtime_checkable
class CompareAndSet(Protocol):
    """For the few small objects that change: a new body only where nobody changed the old one meanwhile."""

    def replace(self, key: str, data: Buffer, *, etag: str) -> ObjectInfo:
        """Put ``data`` in place of the object whose ETag is ``etag``.

        Raises ObjectNotFound where there is none, and ObjectExists where it is another by now.
        """
        ...


@runtime_checkable
class Copying(Protocol):
    """Copies within the store, without the bytes passing through this process."""

    def copy(self, source: str, key: str) -> ObjectInfo:
        """Copy the object ``source`` to the new ``key``, of any size. Raises ObjectNotFound, ObjectExists."""
        ...


@runtime_checkable
class OrderedListing(Protocol):
    """Listings in the order of the keys, so that one which was left can be taken up where it ended.

    The order is that of code points, which is also that of UTF-8's bytes (Amazon S3 API Reference, "ListObjectsV2":
    "List results are always returned in UTF-8 binary order"), and so Python's for strings.
    """

    def iter_locations_after(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        """Yield, in order, every object whose key starts with ``prefix`` and is greater than ``after``.

        ``after`` need not be the key of an object; "" is before them all. Lazy, in memory that does not grow with the
        count; what is written or deleted meanwhile may be in the listing or not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of one key of a bulk deletion: gone (also if it never was), or why not."""

    key: str
    error: StorageError | None = None


@runtime_checkable
class BulkDelete(Protocol):
    """Many deletions in few requests."""

    def delete_many(self, keys: Iterable[str]) -> Iterator[Deletion]:
        """Delete ``keys``, lazily and in batches; yield the outcome of each, one after the other.

        Nothing is deleted beyond what the caller iterates over, save the rest of a batch. A batch that fails as a whole
        is told for each of its keys.
        """
        ...
