import hashlib
import threading

import pytest

from documents.storage.hashing import Digest, checksum_of


@pytest.mark.parametrize("piece", [1_000, 65_537, 1024 * 1024, 3_000_000])
def test_pieces_of_any_size_give_the_digest_of_the_whole(piece: int) -> None:
    body = bytes(range(256)) * 12_000
    digest = Digest()
    for start in range(0, len(body), piece):
        digest.update(body[start : start + piece])
    assert digest.size == len(body)
    assert digest.checksum() == checksum_of(body) == f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_updates_and_taken_buffers_keep_their_order() -> None:
    digest = Digest()
    digest.update(b"first ")
    digest.take(bytearray(b"second "))
    digest.update(b"third")
    assert digest.size == 18
    assert digest.checksum() == checksum_of(b"first second third")


def test_an_updated_buffer_may_be_reused_at_once() -> None:
    digest, buffer, expected = Digest(), bytearray(700_000), hashlib.sha256()
    for number in range(20):
        buffer[:] = bytes([number]) * len(buffer)
        expected.update(buffer)
        digest.update(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert digest.checksum() == f"sha256:{expected.hexdigest()}"


def test_its_thread_ends_with_checksum_and_with_close() -> None:
    before = hashing_threads()
    for end in (Digest.checksum, Digest.close):
        digest = Digest()
        digest.update(bytes(5_000_000))
        assert hashing_threads() - before
        end(digest)
        assert hashing_threads() - before == set()


def hashing_threads() -> set[threading.Thread]:
    """Threads of other kinds come and go meanwhile: those that other tests have left."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("digest")}
