import io
import random
from datetime import datetime

import pytest

from documents.encryption.envelope import Metadata, Sealer, open_header
from documents.encryption.stream import chunk_nonce
from documents.errors import MalformedEnvelope
from tests.encryption.keys import RING
from tests.encryption.objects import CHUNK, METADATA, finished, new_ids, opened, sealed, sealer


def test_every_object_has_a_dek_a_salt_and_a_commitment_of_its_own() -> None:
    ids = new_ids()
    one, other = (sealer(ids=ids) for _ in range(2))
    assert one.prefix_core[:80] == other.prefix_core[:80]
    assert one.prefix_core[80:112] != other.prefix_core[80:112]
    assert one.prefix_core[112:] != other.prefix_core[112:]
    assert finished(one, b"same text")[4096:] != finished(other, b"same text")[4096:]


def test_header_holds_context_and_key_block_as_the_row_keeps_them() -> None:
    sealing = sealer()
    assert len(sealing.header) == 4096
    assert sealing.header.startswith(sealing.prefix_core)
    assert len(sealing.prefix_core) == 144
    assert sealing.header[144 + 4 + 272 :].rstrip(b"\0") == sealing.key_block.rstrip(b"\0")


def test_a_full_chunk_is_held_back_until_more_comes() -> None:
    sealing = sealer()
    assert list(sealing.update(bytes(CHUNK))) == []
    assert [len(view) for view in sealing.update(b"!")] == [CHUNK + 16]
    assert len(sealing.finish()) == 1 + 16


def test_whole_chunks_are_sealed_without_being_held() -> None:
    sealing = sealer()
    assert [len(view) for view in sealing.update(bytes(3 * CHUNK + 1))] == [CHUNK + 16] * 3
    assert len(sealing.finish()) == 1 + 16


def test_views_show_one_reused_buffer() -> None:
    views = list(sealer().update(bytes(3 * CHUNK)))
    assert len({bytes(view) for view in views}) == 1


def test_a_view_of_wider_items_is_sealed_as_its_bytes() -> None:
    sealing = sealer()
    words = memoryview(bytes(range(16))).cast("I")
    assert list(sealing.update(words)) == []
    stored = sealing.header + sealing.finish()
    assert sealing.plaintext_size == 16
    assert opened(stored) == bytes(range(16))


def test_nothing_follows_finish() -> None:
    sealing = sealer()
    sealing.finish()
    with pytest.raises(RuntimeError, match="finished"):
        sealing.update(b"more")
    with pytest.raises(RuntimeError, match="finished"):
        sealing.finish()


def test_an_update_that_was_not_drained_is_not_forgotten() -> None:
    sealing = sealer()
    sealing.update(b"never sealed, because nobody asked for it")
    with pytest.raises(RuntimeError, match="not exhausted"):
        sealing.finish()


@pytest.mark.parametrize("chunk_log2", [11, 23])
def test_chunk_size_out_of_limits_is_the_callers_mistake(chunk_log2: int) -> None:
    with pytest.raises(ValueError, match="chunk_log2"):
        Sealer(new_ids(), METADATA, RING, chunk_log2=chunk_log2)


def test_default_chunk_is_256_kib() -> None:
    sealing = Sealer(new_ids(), METADATA, RING)
    document = random.Random(2).randbytes(2**18 + 1)  # noqa: S311
    stored = finished(sealing, document)
    assert open_header(stored, RING, expected=None).chunk_size == 2**18
    assert opened(stored) == document


def test_metadata_that_no_header_can_hold_are_refused() -> None:
    with pytest.raises(MalformedEnvelope, match="32,768"):
        sealer(metadata=Metadata("x" * 33_000, "", "", METADATA.created_at))


def test_metadata_need_a_time_zone_and_a_known_coding() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Metadata("", "", "", datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="identity, gzip"):
        Metadata("", "", "", METADATA.created_at, "br")


def test_chunks_are_counted_up_to_two_to_the_32() -> None:
    assert chunk_nonce(2**32 - 1, last=True) == bytes(7) + b"\xff\xff\xff\xff\x01"
    with pytest.raises(MalformedEnvelope):
        chunk_nonce(2**32, last=False)


def test_an_object_of_more_chunks_is_refused() -> None:
    envelope = open_header(sealed(b""), RING, expected=None)
    most = envelope.header_size + 2**32 * (CHUNK + 16)
    assert envelope.plaintext_size(most) == 2**32 * CHUNK
    with pytest.raises(MalformedEnvelope):
        envelope.open_chunks(io.BytesIO(), object_size=most + 17)
