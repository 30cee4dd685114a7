"""The buffered multipart writer over the in-memory provider, with parts of a few bytes."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.errors import IntegrityMismatch, ObjectExists, StorageUnavailable
from documents.storage.base import Buffer, ObjectInfo
from documents.storage.capabilities import Part
from documents.storage.hashing import checksum_of
from documents.storage.memory import MemoryProvider
from documents.storage.multipart import (
    DEFAULT_PART_SIZE,
    MAX_PART_SIZE,
    MAX_PARTS,
    BufferedMultipartWriter,
    next_part_size,
)
from documents.storage.streaming import write_all


@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(min_value=10, max_value=40))
def test_any_writes_become_legal_parts_of_the_same_bytes(pieces: list[bytes], part_size: int) -> None:
    store = MemoryProvider(min_part_size=10)
    with BufferedMultipartWriter(store, "k", part_size=part_size) as writer:
        for piece in pieces:
            writer.write(piece)
        reference = writer.commit()
    body = b"".join(pieces)
    assert store.get("k") == body
    assert (reference.size, reference.checksum) == (len(body), checksum_of(body))
    assert list(store.iter_multiparts()) == []


def test_ten_thousand_parts_hold_five_tebibytes() -> None:
    written = 0
    for _ in range(MAX_PARTS):
        size = next_part_size(written, DEFAULT_PART_SIZE)
        assert size <= MAX_PART_SIZE
        written += size
    assert written >= 5 * 1024**4


def test_parts_stay_small_up_to_ten_gibibytes() -> None:
    assert next_part_size(10 * 1024**3, DEFAULT_PART_SIZE) == DEFAULT_PART_SIZE


def test_parts_below_the_minimum_of_the_store_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        BufferedMultipartWriter(MemoryProvider(min_part_size=10), "k", part_size=9)


class SlowStore(MemoryProvider):
    """Uploads wait for ``gate``; the most that ran at once is counted."""

    def __init__(self) -> None:
        super().__init__(min_part_size=10)
        self.gate = threading.Event()
        self.running = self.most = 0
        self.count = threading.Lock()

    def upload_part(self, key: str, upload_id: str, part_number: int, data: Buffer) -> Part:
        with self.count:
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.gate.wait(10)
        with self.count:
            self.running -= 1
        return super().upload_part(key, upload_id, part_number, data)


def test_at_most_two_parts_are_in_flight_and_a_third_holds_the_writer_up() -> None:
    store = SlowStore()
    writer = BufferedMultipartWriter(store, "k", part_size=10)
    # Two parts on their way, one full in the buffer: no write has waited so far.
    writer.write(bytes(30))
    held_up = threading.Thread(target=writer.write, args=(bytes(20),))
    held_up.start()
    held_up.join(0.1)
    assert held_up.is_alive()
    store.gate.set()
    held_up.join(10)
    assert writer.commit().size == 50
    assert store.most == 2


class BrokenStore(MemoryProvider):
    def upload_part(self, key: str, upload_id: str, part_number: int, data: Buffer) -> Part:
        if part_number == 2:
            raise StorageUnavailable("The store is away", provider=self.name, key=key)
        return super().upload_part(key, upload_id, part_number, data)


def test_a_part_that_fails_fails_the_commit_and_leaves_nothing() -> None:
    store = BrokenStore(min_part_size=10)
    writer = BufferedMultipartWriter(store, "k", part_size=10)
    writer.write(bytes(25))
    with pytest.raises(StorageUnavailable):
        writer.commit()
    assert not store.exists("k")
    assert list(store.iter_multiparts()) == []


def test_a_part_that_fails_stops_an_endless_stream() -> None:
    writer = BufferedMultipartWriter(BrokenStore(min_part_size=10), "k", part_size=10)
    with pytest.raises(StorageUnavailable):
        write_all(writer, (bytes(10) for _ in range(10**9)))


class AwayAtAbort(MemoryProvider):
    def abort_multipart(self, key: str, upload_id: str) -> None:  # noqa: ARG002
        raise StorageUnavailable("The store is away", provider=self.name, key=key)


def test_an_abort_that_cannot_reach_the_store_does_not_raise(caplog: pytest.LogCaptureFixture) -> None:
    writer = BufferedMultipartWriter(AwayAtAbort(min_part_size=10), "k", part_size=10)
    writer.write(bytes(25))
    writer.abort()
    assert "could not be aborted" in caplog.text


def test_a_key_taken_in_the_meantime_is_not_overwritten() -> None:
    store = MemoryProvider(min_part_size=10)
    writer = BufferedMultipartWriter(store, "k", part_size=10)
    writer.write(bytes(25))
    store.put_bytes("k", b"first")
    with pytest.raises(ObjectExists):
        writer.commit()
    assert store.get("k") == b"first"
    assert list(store.iter_multiparts()) == []


class ForgetfulStore(MemoryProvider):
    def complete_multipart(self, key: str, upload_id: str, parts: object) -> ObjectInfo:  # noqa: ARG002
        return super().complete_multipart(key, upload_id, list(self.list_parts(key, upload_id))[:-1])


def test_a_store_that_drops_a_part_is_found_out() -> None:
    store = ForgetfulStore(min_part_size=10)
    writer = BufferedMultipartWriter(store, "k", part_size=10)
    writer.write(bytes(25))
    with pytest.raises(IntegrityMismatch, match="20 bytes where 25 were written"):
        writer.commit()
    assert not store.exists("k")
