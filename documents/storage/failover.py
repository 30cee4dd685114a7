"""Several providers as one: written to the first that is healthy, read from whichever has the object.

Each object is write-once under a key of its own, so two providers that have a key have the same object, and a read may
fall through: never to a stale one. Where ``checksum_of`` knows what the object should be, a copy that is not the
first provider's is read and compared before a byte of it is given.

What the preferred provider gives is not compared: a damaged object shows when it is opened, and costs no second read.

A deletion counts once every provider confirmed it: otherwise what was deleted could come back with the one that was
down, so it raises and is repeated by the caller.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import structlog
from prometheus_client import Counter

from documents.errors import IntegrityMismatch, ObjectNotFound, StorageAccessDenied, StorageError, StorageUnavailable
from documents.storage.base import Buffer, ObjectInfo, ObjectReader, ObjectRef, ObjectWriter, StorageProvider
from documents.storage.streaming import DerivedOperations, object_checksum, pieces_of, write_all

log = structlog.get_logger(__name__)

SERVED_COPIES = Counter("storage_served_copies", "Objects read from another provider than the first", ("provider",))

Answer = TypeVar("Answer")
ChecksumOf = Callable[[str], str | None]

# A provider that failed is left alone for so long, and for twice as long each time it fails again.
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
# A provider that answered this recently is not asked again before a writer is handed out.
FRESH = timedelta(seconds=10)
# With these the next provider is tried. Only the first counts against health: a refusal comes at once, and may be about
# one key.
_NEXT = (StorageUnavailable, StorageAccessDenied)


@dataclass
class _Health:
    failures: int = 0
    until: float = 0.0
    well_at: float = float("-inf")


class Failover(DerivedOperations):
    """A ``StorageProvider`` over ``providers``, in order of preference. For any number of threads.

    ``second_copy``: what is committed is copied to the next healthy provider too; where that fails the put stands, and
    a log tells. The last ``stand_ins`` providers may have copies and need not: what they fail at says nothing about the
    object. ``checksum_of`` gives ``"sha256:…"`` for a key, or None where nobody knows. ``name`` is what rows keep.
    """

    def __init__(
        self,
        providers: Sequence[StorageProvider],
        *,
        name: str,
        second_copy: bool = False,
        stand_ins: int = 0,
        checksum_of: ChecksumOf = lambda _key: None,
    ) -> None:
        if not providers:
            raise ValueError("A failover needs at least one provider.")
        self.name, self.providers = name, tuple(providers)
        self._second_copy, self._checksum_of = second_copy, checksum_of
        self._counting = len(self.providers) - stand_ins
        self._health = [_Health() for _ in self.providers]
        self._lock = threading.Lock()

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        source, reference = self._first(key, lambda provider: (provider, provider.put_bytes(key, data)))
        return self.committed(source, reference)

    def open_writer(self, key: str) -> ObjectWriter:
        # A writer that has begun cannot change its provider: what it was given so far is gone. And many say nothing to
        # their store before it has a whole part, so the provider is asked first.
        source, writer = self._first(key, lambda provider: (provider, self._open_writer(provider, key)))
        return _CopyingWriter(self, source, writer)

    def _open_writer(self, provider: StorageProvider, key: str) -> ObjectWriter:
        with self._lock:
            well_at = self._health[self.providers.index(provider)].well_at
        if time.monotonic() - well_at > FRESH.total_seconds():
            provider.exists(key)
        return provider.open_writer(key)

    def put_stream(self, key: str, chunks: Iterable[Buffer]) -> ObjectRef:
        return write_all(self.open_writer(key), chunks)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        return self._anywhere(key, lambda provider: self._open(provider, key, start=start, length=length))

    def head(self, key: str) -> ObjectInfo:
        return self._anywhere(key, lambda provider: provider.head(key))

    def delete(self, key: str) -> None:
        refused: StorageError | None = None
        for provider in self.providers:
            try:
                provider.delete(key)
            except StorageError as error:
                refused = refused or error
        if refused:
            raise refused

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Of all providers, each object once: those of the second and later ones are asked for in the earlier ones."""
        for index, provider in enumerate(self.providers):
            for info in provider.iter_locations(prefix):
                if not any(earlier.exists(info.key) for earlier in self.providers[:index]):
                    yield info

    def committed(self, source: StorageProvider, reference: ObjectRef) -> ObjectRef:
        """Copy what ``source`` just committed to another healthy provider, where that was asked for.

        Returns the reference as rows keep it: under the name of the whole.
        """
        if self._second_copy:
            self._copy(source, reference)
        return replace(reference, provider=self.name)

    def _copy(self, source: StorageProvider, reference: ObjectRef) -> None:
        for index, provider in self._by_health():
            if provider is source:
                continue
            try:
                with source.open(reference.key) as reader:
                    copy = provider.put_stream(reference.key, pieces_of(reader))
                if copy.checksum != reference.checksum:
                    provider.delete(reference.key)
                    raise IntegrityMismatch("The copy is not what was written", provider=provider.name, key=copy.key)
            except StorageError as error:
                self._record(index, error)
                log.warning("second_copy_failed", provider=provider.name, key=reference.key, code=error.code)
            else:
                return

    def _first(self, key: str, call: Callable[[StorageProvider], Answer]) -> Answer:
        """The answer of the first provider that is well enough to give one."""
        ill: StorageError | None = None
        for index, provider in self._by_health():
            try:
                answer = call(provider)
            except _NEXT as error:
                self._record(index, error)
                ill = ill or error
                log.warning("provider_failed", provider=provider.name, key=key, code=error.code)
                continue
            self._record(index, None)
            return answer
        raise ill or StorageUnavailable("No provider is there", provider=self.name, key=key)

    def _anywhere(self, key: str, call: Callable[[StorageProvider], Answer]) -> Answer:
        """The answer of the first provider that has the object; ObjectNotFound only where every one says so."""
        absent: StorageError | None = None
        failed: StorageError | None = None
        for index, provider in self._by_health():
            try:
                answer = call(provider)
            except ObjectNotFound as error:
                self._record(index, None)
                absent = absent or error
            except (*_NEXT, IntegrityMismatch) as error:
                self._record(index, error)
                if index < self._counting:
                    failed = failed or error
                log.warning("provider_failed", provider=provider.name, key=key, code=error.code)
            else:
                self._record(index, None)
                return answer
        raise failed or absent or StorageUnavailable("No provider is there", provider=self.name, key=key)

    def _open(self, provider: StorageProvider, key: str, *, start: int, length: int | None) -> ObjectReader:
        """Raises IntegrityMismatch where a copy is another object than the one that is known by its checksum."""
        is_copy = provider is not self.providers[0]
        if is_copy and (expected := self._checksum_of(key)) is not None:
            _compare(provider, key, expected)
        reader = provider.open(key, start=start, length=length)
        if is_copy:
            SERVED_COPIES.labels(provider.name).inc()
            log.warning("served_from_copy", provider=provider.name, key=key)
        return reader

    def note_failure(self, source: StorageProvider, error: StorageError) -> None:
        """Count what a writer of ``source`` failed with, so that the next one goes elsewhere."""
        self._record(self.providers.index(source), error)

    def _by_health(self) -> list[tuple[int, StorageProvider]]:
        """The healthy ones in their order, then those that are left alone, as a last resort."""
        now = time.monotonic()
        with self._lock:
            return sorted(enumerate(self.providers), key=lambda entry: self._health[entry[0]].until > now)

    def _record(self, index: int, error: StorageError | None) -> None:
        with self._lock, suppress(OverflowError):
            health = self._health[index]
            if not isinstance(error, StorageUnavailable):
                self._health[index] = _Health(well_at=time.monotonic())
                return
            health.failures += 1
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(health.failures - 1, 10))
            health.until = time.monotonic() + pause.total_seconds()


class _CopyingWriter:
    def __init__(self, failover: Failover, source: StorageProvider, inner: ObjectWriter) -> None:
        self._failover, self._source, self._inner = failover, source, inner

    def write(self, data: Buffer) -> None:
        with self._failures_noted():
            self._inner.write(data)

    def commit(self) -> ObjectRef:
        with self._failures_noted():
            reference = self._inner.commit()
        return self._failover.committed(self._source, reference)

    @contextmanager
    def _failures_noted(self) -> Iterator[None]:
        try:
            yield
        except StorageUnavailable as error:
            self._failover.note_failure(self._source, error)
            raise

    def abort(self) -> None:
        self._inner.abort()

    def __enter__(self) -> "_CopyingWriter":
        return self

    def __exit__(self, *_error: object) -> None:
        self.abort()


def _compare(provider: StorageProvider, key: str, expected: str) -> None:
    if object_checksum(provider, key) != expected:
        raise IntegrityMismatch("This copy is another object", provider=provider.name, key=key)
