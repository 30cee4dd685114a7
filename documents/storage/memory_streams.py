"""The writer and the reader of the in-memory provider."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from documents.storage.base import Buffer, ObjectInfo, ObjectRef


class MemoryWriter:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def _open_buffer(self) -> bytearray:
        if self._buffer is None:
            raise ValueError(f"The writer of {self._key!r} was committed or aborted before.")
        return self._buffer


class MemoryReader:
    def __init__(self, info: ObjectInfo, data: bytes) -> None:
        self.info = info
        self._rest: memoryview | None = memoryview(data)

    def readinto(self, buffer: bytearray | memoryview) -> int:
        taken = self._take(memoryview(buffer).nbytes)
        with memoryview(buffer) as view, view.cast("B") as target:
            target[: len(taken)] = taken
        return len(taken)

    def read(self, size: int = -1) -> bytes:
        return bytes(self._take(size))

    def close(self) -> None:
        self._rest = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, size: int) -> memoryview:
        if self._rest is None:
            raise ValueError(f"The reader of {self.info.key!r} is closed.")
        count = len(self._rest) if size < 0 else size
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken
