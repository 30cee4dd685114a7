"""The reader of the stores that are read in windows: one bounded request after the other, all of one state."""

from collections.abc import Callable

from documents.errors import StorageUnavailable
from documents.storage.base import ObjectInfo
from documents.storage.streaming import ReadsByBuffer, end_of_range

# A request for each: large enough that its round trip does not count, small enough for a hundred readers.
WINDOW = 4 * 1024 * 1024  # bytes

Fetch = Callable[[int, int], bytes]


class WindowReader(ReadsByBuffer):
    """An ``ObjectReader`` that holds one window. After a StorageUnavailable it may be read on: no byte was lost.

    ``fetch(start, length)`` returns these bytes of the state that ``info`` tells of, or raises: IntegrityMismatch where
    the object is another by now. Raises RangeNotSatisfiable where the range lies outside.
    """

    def __init__(self, info: ObjectInfo, fetch: Fetch, *, start: int, length: int | None, provider: str) -> None:
        self.info = info
        self._fetch, self._provider = fetch, provider
        self._position = start
        self._end = end_of_range(info.size, start, length, provider=provider, key=info.key)
        self._window = memoryview(b"")
        self._closed = False

    def readinto(self, buffer: bytearray | memoryview) -> int:
        if self._closed:
            raise ValueError(f"The reader of {self.info.key!r} is closed.")
        with memoryview(buffer) as view, view.cast("B") as wanted:
            if not wanted:
                return 0
            if not self._window and self._position < self._end:
                self._window = memoryview(self._next_window())
            count = min(len(wanted), len(self._window))
            wanted[:count] = self._window[:count]
        self._window = self._window[count:]
        self._position += count
        return count

    def close(self) -> None:
        self._closed = True
        self._window = memoryview(b"")

    def _next_window(self) -> bytes:
        length = min(WINDOW, self._end - self._position)
        window = self._fetch(self._position, length)
        if len(window) != length:
            raise StorageUnavailable(
                f"The store answered with {len(window):,} bytes where {length:,} were asked for",
                provider=self._provider,
                key=self.info.key,
                hint="It must support the Range header",
            )
        return window
