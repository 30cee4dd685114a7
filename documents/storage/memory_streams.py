"""The writer and the reader of the in-memory provider."""

from collections.abc import Callable

from documents.storage.base import Buffer, ObjectInfo, ObjectRef
from documents.storage.streaming import AbortsUnlessCommitted, ReadsByBuffer


class MemoryWriter(AbortsUnlessCommitted):
    def __init__(self, key: str, *, put: Callable[[str, Buffer], ObjectRef]) -> None:
        self._key, self._put = key, put
        self._buffer: bytearray | None = bytearray()

    def write(self, data: Buffer) -> None:
        buffer = self._open_buffer()
        buffer += data

    def commit(self) -> ObjectRef:
        buffer = self._open_buffer()
        self._buffer = None
        return self._put(self._key, buffer)

    def abort(self) -> None:
        self._buffer = None

    def _open_buffer(self) -> bytearray:
        if self._buffer is None:
            raise ValueError(f"The writer of {self._key!r} was committed or aborted before.")
        return self._buffer


class MemoryReader(ReadsByBuffer):
    def __init__(self, info: ObjectInfo, data: bytes) -> None:
        self.info = info
        self._rest: memoryview | None = memoryview(data)

    def readinto(self, buffer: bytearray | memoryview) -> int:
        if self._rest is None:
            raise ValueError(f"The reader of {self.info.key!r} is closed.")
        with memoryview(buffer) as view, view.cast("B") as target:
            count = min(len(target), len(self._rest))
            target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._rest = None
