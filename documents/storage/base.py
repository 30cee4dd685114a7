"""The contract between the vault and any place that keeps its objects.

A provider is any object with the methods of ``StorageProvider``; it inherits from nothing. What not every store can
do stands in a capability protocol of its own, in ``capabilities.py``.

Conventions: sizes are bytes, durations ``timedelta``, times aware UTC, ETags without quotes. A key is the S3 kind: a
relative path of ``/``-separated segments in UTF-8, checked by ``documents.storage.keys.check_key``. Objects are
write-once: every put is a put-if-absent and raises ``ObjectExists`` where the key is taken. An object is visible only
as a whole: a put that fails or is aborted leaves nothing behind. What a provider raises is a ``StorageError``; no
exception of its library escapes. (A writer or reader used after its end raises ValueError, as a closed file does.)

One thing no store on a network can promise: where the answer to a put is lost, the object may be there although
``StorageUnavailable`` was raised, and a put repeated by the client library may meet its own first attempt and raise
``ObjectExists``. A caller that must know compares the SHA-256 of what is there with the one it wrote.

A range starts inside the object, or ``RangeNotSatisfiable`` is raised, and is cut at the object's end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

# What a write takes: bytes, or a view of a reused buffer, which the callee must have consumed when the call returns.
Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store says about an object without its body."""

    key: str
    size: int
    modified_at: datetime
    etag: str = ""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """What a finished write returns: where the object is, how long it is, and what was in it.

    ``checksum`` is ``"sha256:" + hex`` of the bytes as they were written, taken during the write.
    """

    provider: str
    key: str
    size: int
    checksum: str


class ObjectWriter(Protocol):
    """A put in pieces, for callers that are pushed to (an upload handler) and cannot be pulled from.

    Used as a context manager it aborts unless ``commit`` was called. ``commit`` makes the object durable and visible,
    or raises and leaves nothing (``ObjectExists``, ``StorageFull``, ``StorageUnavailable``…). ``abort`` may be called
    at any time, again, and after a failed commit.
    """

    def write(self, data: Buffer) -> None:
        """Take the next bytes. Raises StorageFull, StorageUnavailable…; the writer is then to be aborted."""

    def commit(self) -> ObjectRef:
        """Make the object durable and visible. Raises ObjectExists with the ``checksum`` of what was written."""
        ...

    def abort(self) -> None:
        """Leave nothing behind. What the store does not take back now is left to ``remove_unfinished``."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ObjectReader(Protocol):
    """An open object, or a range of it. The caller closes it, or uses it as a context manager.

    ``info.size`` is the size of the whole object, also when a range is open. ``readinto`` fills as much of ``buffer``
    as it can and returns the count; 0 means the end. It raises ``StorageUnavailable`` where the connection broke
    before the announced end, and ``IntegrityMismatch`` where the object itself was cut or changed under the reader: a
    short object never looks like a complete one. ``read`` takes up to ``size`` bytes, -1 for all the rest.
    """

    info: ObjectInfo

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill ``buffer`` from the next byte on and return how many bytes; 0 at the end."""
        ...

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, all the rest for -1, ``b""`` at the end."""
        ...

    def close(self) -> None:
        """Give the connection or the descriptor back. May be called again."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class StorageProvider(Protocol):
    """What the vault needs of every store. ``conformance.py`` checks it.

    ``name`` is what a row keeps as ``storage_type``. ``get`` reads a whole object into memory and is for small ones.
    ``delete`` of what is not there succeeds. ``iter_locations`` lists lazily, in memory that does not grow with the
    count, objects only (no unfinished write), in an order of the provider's own.
    """

    @property
    def name(self) -> str:
        """At most 50 characters, the width of the column that keeps it."""
        ...

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        """Store ``data`` as a new object, durable when this returns. Raises ObjectExists, StorageFull…"""
        ...

    def put_stream(self, key: str, chunks: Iterable[Buffer]) -> ObjectRef:
        """The same for bytes that come in pieces. What ``chunks`` raises goes on to the caller; nothing is left."""
        ...

    def open_writer(self, key: str) -> ObjectWriter:
        """Begin a put that the caller pushes to, and commits or aborts."""
        ...

    def get(self, key: str) -> bytes:
        """Return the whole object. Raises ObjectNotFound."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return ``length`` bytes from ``start``, fewer at the end. Raises ObjectNotFound, RangeNotSatisfiable."""
        ...

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        """Open the object, or a range of it, for reading. The caller closes it. Raises as ``get_range`` does."""
        ...

    def head(self, key: str) -> ObjectInfo:
        """Return what the store knows without the body. Raises ObjectNotFound."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object with this key. A store that does not answer raises; it is no "no"."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object. Safe to repeat."""

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with ``prefix``, which need not end at a slash."""
        ...
