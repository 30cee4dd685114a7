"""A decorator that remembers listings and metadata for a while, in a cache that all processes share.

Objects are write-once, so what goes stale is whether they are there. Every answer is kept under the generation that was
current before the store was asked, and every write begins a new one, before and after: an answer that a write overtook
is kept where nobody looks. A write that passes by this decorator shows when the time to live is over.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from documents.errors import ObjectNotFound
from documents.storage.base import ObjectInfo, StorageProvider
from documents.storage.forwarding import Decorator

Answer = TypeVar("Answer")

# A longer listing is asked anew each time: it would not be small in the cache either.
LONGEST_LISTING = 2_000
# Metadata of different keys are forgotten apart, in this many groups.
_GROUPS = 64
_WRITES = frozenset(
    ("put_bytes", "put_stream", "put_if_absent", "replace", "copy", "delete", "delete_many", "complete_multipart")
)


class Cache(Protocol):
    """What is used of Django's caches. It raises nothing: where it cannot answer, ``get`` gives ``default``."""

    def get(self, key: str, default: Any = None) -> Any: ...
    def set(self, key: str, value: Any, timeout: float | None = None) -> None: ...


class Cached(Decorator):
    """``head``, ``exists`` and ``iter_locations`` from ``cache`` for up to ``ttl``.

    What was not found is asked again each time. A listing is kept once it was read to its end.
    """

    def __init__(self, inner: StorageProvider, *, cache: Cache, ttl: timedelta) -> None:
        super().__init__(inner)
        self._cache, self._seconds = cache, ttl.total_seconds()

    def _call(self, operation: str, key: str, call: Callable[[], Answer]) -> Answer:
        if operation not in _WRITES:
            return call()
        self.forget(key)
        try:
            answer = call()
        finally:
            self.forget(key)
        # Bulk deletions happen while they are iterated over.
        return self._forgetting(answer) if isinstance(answer, Iterator) else answer

    def open_writer(self, key: str) -> Any:
        return _ForgettingWriter(self, key, self.inner.open_writer(key))

    def head(self, key: str) -> ObjectInfo:
        place = self._place("head", self._generation(self._group(key)), key)
        info: ObjectInfo | None = self._cache.get(place)
        if info is None:
            info = self.inner.head(key)
            self._cache.set(place, info, self._seconds)
        return info

    def exists(self, key: str) -> bool:
        try:
            self.head(key)
        except ObjectNotFound:
            return False
        return True

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        place = self._place("list", self._generation("all"), prefix)
        known: list[ObjectInfo] | None = self._cache.get(place)
        if known is not None:
            yield from known
            return
        entries: list[ObjectInfo] = []
        for info in self.inner.iter_locations(prefix):
            if len(entries) <= LONGEST_LISTING:
                entries.append(info)
            yield info
        if len(entries) <= LONGEST_LISTING:
            self._cache.set(place, entries, self._seconds)

    def forget(self, key: str) -> None:
        """Begin a new generation of listings, and of the metadata of ``key``; of all metadata for ""."""
        groups = [self._group(key)] if key else [str(number) for number in range(_GROUPS)]
        for group in ("all", *groups):
            self._cache.set(self._generation_place(group), uuid.uuid4().hex)

    def _forgetting(self, outcomes: Any) -> Any:
        try:
            yield from outcomes
        finally:
            self.forget("")

    def _generation(self, group: str) -> str:
        place = self._generation_place(group)
        generation: str | None = self._cache.get(place)
        if generation is None:  # new, or thrown out by the cache: random, so that no earlier one comes back
            generation = uuid.uuid4().hex
            self._cache.set(place, generation)
        return generation

    def _generation_place(self, group: str) -> str:
        return f"storage:{self.inner.name}:generation:{group}"

    def _place(self, kind: str, generation: str, key: str) -> str:
        # A key may be longer than the 250 characters that a cache takes.
        return (
            f"storage:{self.inner.name}:{kind}:{generation}:{hashlib.sha256(key.encode(errors='replace')).hexdigest()}"
        )

    def _group(self, key: str) -> str:
        return str(hashlib.sha256(key.encode(errors="replace")).digest()[0] % _GROUPS)


class _ForgettingWriter:
    def __init__(self, cached: Cached, key: str, inner: Any) -> None:
        self._cached, self._key, self._inner = cached, key, inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> "_ForgettingWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self._inner.abort()

    def commit(self) -> Any:
        try:
            return self._inner.commit()
        finally:
            self._cached.forget(self._key)
