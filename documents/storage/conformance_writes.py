"""The part of the conformance suite that is about writes: whole or not at all, and never over another object."""

import hashlib
import threading
from collections.abc import Callable, Iterator

import pytest

from documents.errors import ObjectExists
from documents.storage.base import ObjectRef, StorageProvider
from documents.storage.conformance_samples import body_of, fresh_key

# More than any part of a multipart upload, so that at least two are needed.
LARGE = 12 * 1024 * 1024 + 1


class _Interrupted(Exception):
    pass


class WriteConformance:
    def test_put_bytes_returns_where_how_long_and_what(self, provider: StorageProvider) -> None:
        key = fresh_key()
        expected = ObjectRef(provider.name, key, 5, f"sha256:{hashlib.sha256(b'hello').hexdigest()}")
        assert provider.put_bytes(key, b"hello") == expected
        assert provider.get(key) == b"hello"

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))])
    def test_any_buffer_can_be_put(self, provider: StorageProvider, kind: Callable[[bytes], bytes]) -> None:
        whole, streamed = fresh_key(), fresh_key()
        assert (
            provider.put_bytes(whole, kind(b"hello")).checksum
            == provider.put_stream(streamed, [kind(b"hello")]).checksum
        )
        assert provider.get(whole) == provider.get(streamed) == b"hello"

    def test_put_refuses_to_overwrite(self, provider: StorageProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"first")
        with pytest.raises(ObjectExists):
            provider.put_bytes(key, b"second")
        with pytest.raises(ObjectExists):
            provider.put_stream(key, [b"third"])
        assert provider.get(key) == b"first"

    @pytest.mark.parametrize("size", [0, 1, 300_000, LARGE])
    def test_a_stream_arrives_whole(self, provider: StorageProvider, size: int) -> None:
        key, body = fresh_key(), body_of(size)
        reference = provider.put_stream(key, (body[at : at + 65_537] for at in range(0, size, 65_537)))
        assert reference == ObjectRef(provider.name, key, size, f"sha256:{hashlib.sha256(body).hexdigest()}")
        assert provider.head(key).size == size
        assert provider.get(key) == body

    def test_a_range_crosses_any_inner_boundary(self, provider: StorageProvider) -> None:
        key, body = fresh_key(), body_of(LARGE)
        provider.put_stream(key, [body])
        for start in (5 * 1024 * 1024 - 3, 8 * 1024 * 1024 - 3, LARGE - 6):
            assert provider.get_range(key, start, 6) == body[start : start + 6]

    def test_a_large_stream_refuses_to_overwrite(self, provider: StorageProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"first")
        with pytest.raises(ObjectExists):
            provider.put_stream(key, [body_of(LARGE)])
        assert provider.get(key) == b"first"

    @pytest.mark.parametrize("size", [10, LARGE])
    def test_nothing_is_visible_before_commit(self, provider: StorageProvider, size: int) -> None:
        key = fresh_key()
        with provider.open_writer(key) as writer:
            writer.write(body_of(size))
            assert not provider.exists(key)
            assert list(provider.iter_locations(key)) == []
            writer.commit()
        assert provider.head(key).size == size

    def test_a_writer_lets_its_buffer_be_reused(self, provider: StorageProvider) -> None:
        key, buffer = fresh_key(), bytearray(100_000)
        expected = bytearray()
        with provider.open_writer(key) as writer:
            for number in range(130):
                buffer[:] = bytes([number]) * len(buffer)
                expected += buffer
                writer.write(memoryview(buffer))
            buffer[:] = bytes(len(buffer))
            reference = writer.commit()
        assert reference.checksum == f"sha256:{hashlib.sha256(expected).hexdigest()}"
        assert provider.get(key) == expected

    @pytest.mark.parametrize("size", [10, LARGE])
    def test_abort_leaves_nothing_and_may_be_repeated(self, provider: StorageProvider, size: int) -> None:
        key = fresh_key()
        writer = provider.open_writer(key)
        writer.write(body_of(size))
        writer.abort()
        writer.abort()
        assert not provider.exists(key)
        assert list(provider.iter_locations(key)) == []
        with pytest.raises(ValueError):
            writer.write(b"more")
        with pytest.raises(ValueError):
            writer.commit()
        provider.put_bytes(key, b"free again")

    def test_leaving_the_block_without_commit_aborts(self, provider: StorageProvider) -> None:
        key = fresh_key()
        with provider.open_writer(key) as writer:
            writer.write(b"x")
        assert not provider.exists(key)

    @pytest.mark.parametrize("size", [10, LARGE])
    def test_a_stream_that_raises_leaves_nothing(self, provider: StorageProvider, size: int) -> None:
        def broken() -> Iterator[bytes]:
            yield body_of(size)
            raise _Interrupted

        key = fresh_key()
        with pytest.raises(_Interrupted):
            provider.put_stream(key, broken())
        assert not provider.exists(key)
        assert list(provider.iter_locations(key)) == []

    def test_abort_after_commit_keeps_the_object(self, provider: StorageProvider) -> None:
        key = fresh_key()
        writer = provider.open_writer(key)
        writer.write(b"kept")
        writer.commit()
        writer.abort()
        with pytest.raises(ValueError):
            writer.commit()
        assert provider.get(key) == b"kept"

    def test_a_failed_commit_leaves_what_was_there(self, provider: StorageProvider) -> None:
        key = fresh_key()
        late = provider.open_writer(key)
        late.write(b"late")
        provider.put_bytes(key, b"early")
        with pytest.raises(ObjectExists):
            late.commit()
        late.abort()
        assert provider.get(key) == b"early"

    @pytest.mark.parametrize("way", ["put_bytes", "put_stream"])
    def test_of_racing_writers_one_wins(self, provider: StorageProvider, way: str) -> None:
        for _ in range(5):
            key, bodies = fresh_key(), [bytes([number]) * 1_000 for number in range(4)]
            won, refused = race(provider, way, key, bodies)
            assert (len(won), len(refused)) == (1, 3)
            assert provider.get(key) == bodies[won[0]]

    def test_no_thread_outlives_its_writer(self, provider: StorageProvider) -> None:
        provider.put_stream(fresh_key(), [body_of(LARGE)])
        before = threads_of_clients()
        provider.put_stream(fresh_key(), [body_of(LARGE)])
        with provider.open_writer(fresh_key()) as aborted:
            aborted.write(body_of(LARGE))
        assert threads_of_clients() <= before


def threads_of_clients() -> set[threading.Thread]:
    """All but those by which a server in this process answers: they live as long as a connection does."""
    return {thread for thread in threading.enumerate() if "process_request_thread" not in thread.name}


def race(provider: StorageProvider, way: str, key: str, bodies: list[bytes]) -> tuple[list[int], list[int]]:
    """Put all bodies at once; the numbers of those that were stored and of those refused with ObjectExists."""
    won: list[int] = []
    refused: list[int] = []
    start = threading.Barrier(len(bodies))

    def put(number: int) -> None:
        start.wait()
        try:
            if way == "put_bytes":
                provider.put_bytes(key, bodies[number])
            else:
                provider.put_stream(key, [bodies[number]])
            won.append(number)
        except ObjectExists:
            refused.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won, refused
