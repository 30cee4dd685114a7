"""A decorator that counts, times and logs what a provider does.

``storage_operations_total{provider,operation,status}``, ``storage_operation_duration_seconds{provider,operation}`` and
``storage_bytes_transferred_total{provider,direction}``; ``status`` is "ok" or the code of the error. Keys stand in logs
and spans, never in a metric's labels: there are as many as objects. Where OpenTelemetry is installed (the extra
``tracing``) each operation is a span.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from typing import Any, TypeVar, cast

import structlog
from prometheus_client import Counter, Histogram

from documents.errors import StorageError
from documents.storage.base import Buffer, ObjectReader, ObjectRef, ObjectWriter
from documents.storage.forwarding import Decorator
from documents.storage.streaming import AbortsUnlessCommitted, ReadsByBuffer

tracer: Any = None
with suppress(ImportError):  # the extra is not installed: no spans
    from opentelemetry.trace import get_tracer

    tracer = get_tracer("documents.storage")

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)

OPERATIONS = Counter("storage_operations", "Operations of a provider", ("provider", "operation", "status"))
SECONDS = Histogram(
    "storage_operation_duration_seconds", "How long an operation of a provider took", ("provider", "operation")
)
BYTES = Counter("storage_bytes_transferred", "Bytes of object bodies", ("provider", "direction"))


class Instrumented(Decorator):
    """Lazy listings count when they end or are left; readers and writers count their bytes as they pass."""

    def _call(self, operation: str, key: str, call: Callable[[], Answer]) -> Answer:
        with self._watched(operation, key):
            answer = call()
        if isinstance(answer, Iterator):
            return cast("Answer", self._listed(operation, key, answer))
        return answer

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        return self._written(self._call("put_bytes", key, lambda: self.inner.put_bytes(key, data)))

    def put_stream(self, key: str, chunks: Iterable[Buffer]) -> ObjectRef:
        return self._written(self._call("put_stream", key, lambda: self.inner.put_stream(key, chunks)))

    def open_writer(self, key: str) -> ObjectWriter:
        return _CountingWriter(self, key, self._call("open_writer", key, lambda: self.inner.open_writer(key)))

    def get(self, key: str) -> bytes:
        return self._read(self._call("get", key, lambda: self.inner.get(key)))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._read(self._call("get_range", key, lambda: self.inner.get_range(key, start, length)))

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        reader = self._call("open", key, lambda: self.inner.open(key, start=start, length=length))
        return _CountingReader(self, reader)

    def count_bytes(self, direction: str, count: int) -> None:
        """Count body bytes; ``direction`` is "read" or "written"."""
        _labelled(BYTES, self.inner.name, direction).inc(count)

    def _written(self, reference: ObjectRef) -> ObjectRef:
        self.count_bytes("written", reference.size)
        return reference

    def _read(self, body: bytes) -> bytes:
        self.count_bytes("read", len(body))
        return body

    def _listed(self, operation: str, key: str, entries: Iterator[Any]) -> Iterator[Any]:
        with self._watched(f"{operation}.entries", key):
            yield from entries

    @contextmanager
    def _watched(self, operation: str, key: str) -> Iterator[None]:
        provider, started, status = self.inner.name, time.monotonic(), "ok"
        try:
            with _span(provider, operation, key):
                yield
        except StorageError as error:
            status = error.code
            if error.retryable:
                log.warning("storage_operation_failed", provider=provider, operation=operation, key=key, code=status)
            raise
        finally:
            _labelled(SECONDS, provider, operation).observe(time.monotonic() - started)
            _labelled(OPERATIONS, provider, operation, status).inc()


class _CountingReader(ReadsByBuffer):
    def __init__(self, counting: Instrumented, inner: ObjectReader) -> None:
        self.info, self._counting, self._inner = inner.info, counting, inner

    def readinto(self, buffer: bytearray | memoryview) -> int:
        count = self._inner.readinto(buffer)
        self._counting.count_bytes("read", count)
        return count

    def close(self) -> None:
        self._inner.close()


class _CountingWriter(AbortsUnlessCommitted):
    def __init__(self, counting: Instrumented, key: str, inner: ObjectWriter) -> None:
        self._counting, self._key, self._inner = counting, key, inner

    def write(self, data: Buffer) -> None:
        self._inner.write(data)

    def commit(self) -> ObjectRef:
        reference = self._counting._call("commit", self._key, self._inner.commit)
        self._counting.count_bytes("written", reference.size)
        return reference

    def abort(self) -> None:
        self._inner.abort()


@cache
def _labelled(metric: Any, *labels: str) -> Any:
    """The metric's series with these labels. They are few, and to look one up there costs as much as a small read."""
    return metric.labels(*labels)


def _span(provider: str, operation: str, key: str) -> AbstractContextManager[object]:
    if tracer is None:
        return nullcontext()
    attributes = {"storage.provider": provider, "storage.operation": operation, "storage.key": key}
    span: AbstractContextManager[object] = tracer.start_as_current_span(f"storage.{operation}", attributes=attributes)
    return span
