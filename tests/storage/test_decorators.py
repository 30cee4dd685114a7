"""Decorators: the published suite through each of them, and what each adds."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache.backends.locmem import LocMemCache
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import REGISTRY

from documents.errors import ObjectNotFound, StorageUnavailable, UnsupportedOperation
from documents.storage.base import ObjectInfo, ObjectReader, StorageProvider
from documents.storage.cached import Cached
from documents.storage.capabilities import Multipart, Presigning, require
from documents.storage.conformance import ProviderConformance
from documents.storage.conformance_capabilities import (
    ConditionalCreateConformance,
    MultipartConformance,
    UnfinishedWritesConformance,
)
from documents.storage.conformance_changes import BulkDeleteConformance, CompareAndSetConformance, CopyingConformance
from documents.storage.conformance_listing import OrderedListingConformance
from documents.storage.forwarding import wrap
from documents.storage.instrumented import Instrumented
from documents.storage.local import LocalProvider
from documents.storage.memory import MemoryProvider
from documents.storage.small_objects import SmallObjects

MINUTE = timedelta(minutes=1)


@pytest.fixture
def cache() -> Iterator[LocMemCache]:
    made = LocMemCache("decorators", {})
    made.clear()
    yield made
    made.clear()


class Decorated(
    ProviderConformance,
    ConditionalCreateConformance,
    CompareAndSetConformance,
    CopyingConformance,
    BulkDeleteConformance,
    OrderedListingConformance,
    MultipartConformance,
    UnfinishedWritesConformance,
):
    """Every capability of the in-memory provider, through a decorator."""


class TestCached(Decorated):
    @pytest.fixture
    def provider(self, cache: LocMemCache) -> StorageProvider:
        return wrap(MemoryProvider(), Cached, cache=cache, ttl=MINUTE)


class TestSmallObjects(Decorated):
    @pytest.fixture
    def provider(self) -> StorageProvider:
        return wrap(MemoryProvider(), SmallObjects, ttl=MINUTE)


class TestInstrumented(Decorated):
    @pytest.fixture
    def provider(self) -> StorageProvider:
        return wrap(MemoryProvider(), Instrumented)


class TestAllAtOnce(Decorated):
    @pytest.fixture
    def provider(self, cache: LocMemCache) -> StorageProvider:
        inner = wrap(wrap(MemoryProvider(), Instrumented), Cached, cache=cache, ttl=MINUTE)
        return wrap(inner, SmallObjects, ttl=MINUTE)


def test_a_decorator_has_the_capabilities_of_what_it_decorates(tmp_path: Any) -> None:
    local = wrap(LocalProvider(tmp_path), Instrumented)

    assert not isinstance(local, Multipart)
    assert isinstance(wrap(MemoryProvider(), Instrumented), Multipart)
    with pytest.raises(UnsupportedOperation, match=r"no capability Presigning.*'local'"):
        require(local, Presigning)
    assert require(wrap(MemoryProvider(min_part_size=7), Instrumented), Multipart).min_part_size == 7


class Counting(MemoryProvider):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def head(self, key: str) -> ObjectInfo:
        self.asked.append("head")
        return super().head(key)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        self.asked.append("open")
        return super().open(key, start=start, length=length)

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self.asked.append("list")
        return super().iter_locations(prefix)


@pytest.fixture
def store() -> Counting:
    return Counting()


def test_metadata_and_listings_are_asked_once(store: Counting, cache: LocMemCache) -> None:
    cached = wrap(store, Cached, cache=cache, ttl=MINUTE)
    cached.put_bytes("a/1", b"1")
    for _ in range(3):
        assert cached.head("a/1").size == 1
        assert cached.exists("a/1")
        assert [info.key for info in cached.iter_locations("a/")] == ["a/1"]
    assert store.asked == ["head", "list"]


def test_a_write_through_another_process_is_seen_at_once(store: Counting, cache: LocMemCache) -> None:
    here, there = (wrap(store, Cached, cache=cache, ttl=MINUTE) for _ in range(2))
    here.put_bytes("a/1", b"1")
    assert (here.exists("a/1"), len(list(here.iter_locations("a/")))) == (True, 1)
    there.put_bytes("a/2", b"2")
    assert len(list(here.iter_locations("a/"))) == 2
    there.delete("a/1")
    assert not here.exists("a/1")
    assert [info.key for info in here.iter_locations("a/")] == ["a/2"]
    list(there.delete_many(["a/2"]))  # type: ignore[attr-defined]
    assert not here.exists("a/2")


def test_an_answer_that_a_write_overtook_is_not_kept(store: Counting, cache: LocMemCache) -> None:
    cached: Any = wrap(store, Cached, cache=cache, ttl=MINUTE)
    cached.put_bytes("k", b"1")
    asked = store.head

    def overtaken(key: str) -> ObjectInfo:
        info = asked(key)
        cached.delete(key)
        return info

    store.head = overtaken  # type: ignore[method-assign]
    assert cached.head("k").size == 1
    store.head = asked  # type: ignore[method-assign]
    with pytest.raises(ObjectNotFound):
        cached.head("k")


def test_what_passes_by_the_cache_shows_when_its_time_is_over(store: Counting, cache: LocMemCache) -> None:
    cached = wrap(store, Cached, cache=cache, ttl=MINUTE)
    cached.put_bytes("k", b"1")
    assert cached.exists("k")
    store.delete("k")
    assert cached.exists("k")
    with time_machine.travel(MINUTE + timedelta(seconds=1)):
        assert not cached.exists("k")


def test_small_bodies_are_kept_and_large_ones_are_not(store: Counting) -> None:
    small: Any = wrap(store, SmallObjects, ttl=MINUTE, largest=10, most_bytes=15)
    small.put_bytes("s", b"0123456789")
    small.put_bytes("l", b"0123456789a")
    for _ in range(2):
        assert small.get("s") == b"0123456789"
        assert small.get_range("s", 2, 3) == b"234"
        assert small.get("l") == b"0123456789a"
    assert store.asked.count("open") == 3
    small.put_bytes("t", b"tttttttttt")
    assert (small.get("t"), small.get("s")) == (b"tttttttttt", b"0123456789")
    assert store.asked.count("open") == 5, "both together are more than the 15 bytes"
    small.delete("s")
    with pytest.raises(ObjectNotFound):
        small.get("s")


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_operations_are_counted_by_outcome_with_their_bytes() -> None:
    class Failing(MemoryProvider):
        def delete(self, key: str) -> None:
            raise StorageUnavailable("down", key=key)

    provider = wrap(Failing(name="counted"), Instrumented)
    before = {direction: sample("storage_bytes_transferred_total", provider="counted", direction=direction)
              for direction in ("read", "written")}  # fmt: skip
    provider.put_bytes("k", b"12345")
    with provider.open("k", start=1) as reader:
        reader.read()
    with provider.open_writer("streamed") as writer:
        writer.write(b"123")
        writer.commit()
    with pytest.raises(ObjectNotFound):
        provider.head("nothing")
    with pytest.raises(StorageUnavailable):
        provider.delete("k")

    def count(operation: str, status: str) -> float:
        return sample("storage_operations_total", provider="counted", operation=operation, status=status)

    assert count("put_bytes", "ok") == count("open", "ok") == count("commit", "ok") == 1
    assert (count("head", "object-not-found"), count("delete", "storage-unavailable")) == (1, 1)
    assert sample("storage_bytes_transferred_total", provider="counted", direction="written") - before["written"] == 8
    assert sample("storage_bytes_transferred_total", provider="counted", direction="read") - before["read"] == 4
    assert sample("storage_operation_duration_seconds_count", provider="counted", operation="open") == 1


def test_each_operation_is_a_span_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("documents.storage.instrumented.tracer", traces.get_tracer("test"))
    provider = wrap(MemoryProvider(name="traced"), Instrumented)

    provider.put_bytes("a/key", b"1")
    with pytest.raises(ObjectNotFound):
        provider.head("nothing")
    monkeypatch.setattr("documents.storage.instrumented.tracer", None)
    provider.get("a/key")

    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["storage.put_bytes", "storage.head"]
    assert dict(spans[0].attributes or {}) == {
        "storage.provider": "traced",
        "storage.operation": "put_bytes",
        "storage.key": "a/key",
    }
    assert spans[1].status.status_code is StatusCode.ERROR
