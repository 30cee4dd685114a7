"""A decorator that keeps the bodies of small objects in the memory of the process: ciphertext, as the store has it.

Objects are write-once, so a body is never another one. One that was deleted through another process is given until its
time to live is over; through this one it is forgotten at once.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from documents.storage.base import ObjectInfo, ObjectReader, StorageProvider
from documents.storage.forwarding import Decorator
from documents.storage.memory_streams import MemoryReader
from documents.storage.streaming import end_of_range

Answer = TypeVar("Answer")

_ENDINGS = frozenset(("delete", "replace"))


@dataclass(frozen=True, slots=True)
class _Kept:
    info: ObjectInfo
    body: bytes
    until: float


class SmallObjects(Decorator):
    """Bodies of up to ``largest`` bytes, ``most_bytes`` of them together; the one not read for longest goes first."""

    def __init__(
        self, inner: StorageProvider, *, ttl: timedelta, largest: int = 64 * 1024, most_bytes: int = 16 * 1024 * 1024
    ) -> None:
        super().__init__(inner)
        self._ttl, self._largest, self._most_bytes = ttl.total_seconds(), largest, most_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = self._endings = 0
        self._lock = threading.Lock()

    def _call(self, operation: str, key: str, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        finally:
            if operation in _ENDINGS:
                self.forget(key)
            elif operation == "delete_many":
                self.forget_all()

    def get(self, key: str) -> bytes:
        with self.open(key) as reader:
            return reader.read()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        with self.open(key, start=start, length=length) as reader:
            return reader.read()

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        kept, endings = self._find(key), self._endings
        if kept is None:
            reader = self.inner.open(key, start=start, length=length)
            if (start, length) != (0, None) or reader.info.size > self._largest:
                return reader
            with reader:
                kept = _Kept(reader.info, reader.read(), time.monotonic() + self._ttl)
            self._keep(key, kept, endings=endings)
        end = end_of_range(kept.info.size, start, length, provider=self.inner.name, key=key)
        return MemoryReader(kept.info, kept.body[start:end])

    def forget(self, key: str) -> None:
        """Drop one body, if it is kept."""
        with self._lock:
            self._endings += 1
            self._drop(key)

    def forget_all(self) -> None:
        """Drop every body."""
        with self._lock:
            self._endings += 1
            self._kept.clear()
            self._bytes = 0

    def _find(self, key: str) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.until < time.monotonic():
                return None
            self._kept.move_to_end(key)
            return kept

    def _keep(self, key: str, kept: _Kept, *, endings: int) -> None:
        """Unless something was deleted since ``endings`` was read: it may have been this."""
        with self._lock:
            if endings != self._endings:
                return
            self._drop(key)
            self._kept[key] = kept
            self._bytes += len(kept.body)
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        if dropped := self._kept.pop(key, None):
            self._bytes -= len(dropped.body)
