"""What every provider does alike with its writers, readers and ranges."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from documents.errors import ObjectNotFound, RangeNotSatisfiable, StorageError
from documents.storage.base import Buffer, ObjectInfo, ObjectReader, ObjectRef, ObjectWriter, StorageProvider
from documents.storage.capabilities import Deletion

_READ_SIZE = 1024 * 1024


class AbortsUnlessCommitted(ABC):
    """A context manager that calls ``abort`` when its block ends; after a ``commit`` that does nothing."""

    @abstractmethod
    def abort(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class ClosesAtEnd(ABC):
    """A context manager that calls ``close`` when its block ends."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ReadsByBuffer(ClosesAtEnd):
    """An ``ObjectReader`` whose ``read`` follows from its ``readinto``."""

    info: ObjectInfo

    @abstractmethod
    def readinto(self, buffer: bytearray | memoryview) -> int: ...

    def read(self, size: int = -1) -> bytes:
        pieces = bytearray()
        # No more than the object has, and one: fresh memory costs as much as the bytes that are read into it.
        largest = min(_READ_SIZE, self.info.size + 1)
        while size < 0 or len(pieces) < size:
            piece = bytearray(largest if size < 0 else min(largest, size - len(pieces)))
            count = self.readinto(piece)
            if not count:
                break
            pieces += memoryview(piece)[:count]
        return bytes(pieces)


class DerivedOperations(ABC):
    """The operations of a ``StorageProvider`` that follow from the others. Its puts are put-if-absent by contract."""

    @abstractmethod
    def put_bytes(self, key: str, data: Buffer) -> ObjectRef: ...

    @abstractmethod
    def open_writer(self, key: str) -> ObjectWriter: ...

    @abstractmethod
    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader: ...

    @abstractmethod
    def head(self, key: str) -> ObjectInfo: ...

    def put_if_absent(self, key: str, data: Buffer) -> ObjectRef:
        return self.put_bytes(key, data)

    def put_stream(self, key: str, chunks: Iterable[Buffer]) -> ObjectRef:
        return write_all(self.open_writer(key), chunks)

    def get(self, key: str) -> bytes:
        with self.open(key) as reader:
            return reader.read()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        with self.open(key, start=start, length=length) as reader:
            return reader.read()

    def exists(self, key: str) -> bool:
        try:
            self.head(key)
        except ObjectNotFound:
            return False
        return True


def write_all(writer: ObjectWriter, chunks: Iterable[Buffer]) -> ObjectRef:
    """Write and commit. Where ``chunks`` or the writer raises, nothing is left and the error goes on to the caller."""
    with writer:
        for chunk in chunks:
            writer.write(chunk)
        return writer.commit()


def pieces_of(reader: ObjectReader) -> Iterator[memoryview]:
    """Yield the rest of an open object, in views of one buffer of 1 MiB, each valid until the next is asked for."""
    buffer = memoryview(bytearray(_READ_SIZE))
    while count := reader.readinto(buffer):
        yield buffer[:count]


def object_checksum(provider: StorageProvider, key: str, *, meanwhile: Callable[[], None] = lambda: None) -> str:
    """Read an object back and return ``sha256:`` and its digest in hex. Memory is one buffer, whatever its size.

    ``meanwhile`` is called after each piece, and ends it where it raises.
    """
    digest = hashlib.sha256()
    with provider.open(key) as reader:
        for piece in pieces_of(reader):
            digest.update(piece)
            meanwhile()
    return f"sha256:{digest.hexdigest()}"


def delete_one_by_one(provider: StorageProvider, keys: Iterable[str]) -> Iterator[Deletion]:
    """``delete_many`` for a store to which one deletion costs no request: each key's outcome is its own."""
    for key in keys:
        try:
            provider.delete(key)
        except StorageError as error:
            yield Deletion(key, error)
        else:
            yield Deletion(key)


def end_of_range(size: int, start: int, length: int | None, *, provider: str, key: str) -> int:
    """Where a read of an object of ``size`` bytes ends: a range is cut at the end of the object.

    Raises RangeNotSatisfiable where the range holds no byte of the object (RFC 9110 section 14.1.2). The whole of an
    empty object (``start`` 0, no ``length``) is not a range and can be read.
    """
    check_range(start, length, provider=provider, key=key)
    is_whole = start == 0 and length is None
    if start >= size and not is_whole:
        raise RangeNotSatisfiable(f"Byte {start:,} is beyond the {size:,} of the object", provider=provider, key=key)
    return size if length is None else min(size, start + length)


def check_range(start: int, length: int | None, *, provider: str, key: str) -> None:
    """Raises RangeNotSatisfiable for a range that no object has."""
    if start < 0 or (length is not None and length < 1):
        raise RangeNotSatisfiable(
            f"A range of {length} bytes from byte {start} cannot be read", provider=provider, key=key
        )
