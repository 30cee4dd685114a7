"""Every change of a stored byte is noticed, and nothing after it is released."""

import io
import itertools
import random
from collections.abc import Iterable

import pytest

from documents.encryption.envelope import open_header
from documents.errors import AuthenticationFailed, EncryptionError, MalformedEnvelope
from tests.encryption.keys import RING
from tests.encryption.objects import CHUNK, STRIDE, opened, read_body, sealed

DOCUMENT = random.Random(3).randbytes(CHUNK + 300)  # noqa: S311
STORED = sealed(DOCUMENT)
ENVELOPE = open_header(STORED, RING, expected=None)
HEADER = ENVELOPE.header_size


def flipped(offset: int, bit: int) -> bytes:
    changed = bytearray(STORED)
    changed[offset] ^= 1 << bit
    return bytes(changed)


def check_flips(bits_of: Iterable[tuple[int, int]]) -> int:
    count = 0
    for offset, bit in bits_of:
        stored, released = flipped(offset, bit), bytearray()
        with pytest.raises(EncryptionError):
            # A sound header gives the same envelope whatever the body: unwrapping once for all of them is enough.
            read_body(ENVELOPE if offset >= HEADER else open_header(stored, RING, expected=None), stored, released)
        assert bytes(released) == DOCUMENT[: CHUNK if offset >= HEADER + STRIDE else 0]
        count += 1
    return count


def test_one_flipped_bit_in_every_byte_is_refused() -> None:
    rng = random.Random()  # noqa: S311
    assert check_flips((offset, rng.randrange(8)) for offset in range(len(STORED))) == len(STORED)


@pytest.mark.long
def test_every_flipped_bit_is_refused() -> None:
    flips = itertools.product(range(len(STORED)), range(8))
    assert check_flips(flips) == 8 * len(STORED)


def test_every_truncation_is_refused() -> None:
    for size in range(len(STORED)):
        cut, released = STORED[:size], bytearray()
        with pytest.raises(EncryptionError):
            read_body(ENVELOPE if size >= HEADER else open_header(cut, RING, expected=None), cut, released)
        # A last chunk may be shorter, so a cut there is noticed when that chunk is opened.
        assert bytes(released) == DOCUMENT[: CHUNK if size > HEADER + STRIDE + 16 else 0]


def test_every_extension_up_to_two_chunks_is_refused() -> None:
    for more in range(1, 2 * STRIDE):
        stored, released = STORED + bytes(more), bytearray()
        impossible = (300 + 16 + more) % STRIDE in range(1, 17)  # an empty last chunk, or less than a tag
        with pytest.raises(MalformedEnvelope if impossible else AuthenticationFailed):
            read_body(ENVELOPE, stored, released)
        assert bytes(released) == DOCUMENT[: 0 if impossible else CHUNK]


def test_every_wrong_sequence_of_chunks_is_refused() -> None:
    whole, foreign = sealed(DOCUMENT[:CHUNK] * 3), sealed(DOCUMENT[:CHUNK] * 3)
    envelope = open_header(whole, RING, expected=None)
    own = [whole[HEADER + i * STRIDE : HEADER + (i + 1) * STRIDE] for i in range(3)]
    chunks = [*own, foreign[HEADER + STRIDE : HEADER + 2 * STRIDE]]
    accepted, tried = [], 0
    for count in range(6):
        for order in itertools.product(range(4), repeat=count):
            released = bytearray()
            try:
                read_body(envelope, whole[:HEADER] + b"".join(chunks[i] for i in order), released)
                accepted.append(order)
            except EncryptionError:
                assert bytes(released) == (DOCUMENT[:CHUNK] * 3)[: len(released)]
                assert len(released) <= 2 * CHUNK
            tried += 1
    assert tried == 1 + 4 + 16 + 64 + 256 + 1024
    assert accepted == [(0, 1, 2)]


def test_a_body_under_another_header_is_refused() -> None:
    other = sealed(DOCUMENT)
    for header, body in ((STORED[:HEADER], other[HEADER:]), (other[:HEADER], STORED[HEADER:])):
        with pytest.raises(AuthenticationFailed):
            opened(header + body)


@pytest.mark.parametrize(("start", "end"), [(144, 420), (420, 4096)], ids=["meta", "key block"])
def test_a_header_put_together_from_two_is_refused(start: int, end: int) -> None:
    other = sealed(DOCUMENT)
    with pytest.raises(EncryptionError):
        opened(STORED[:start] + other[start:end] + STORED[end:])


def test_an_object_that_ends_before_its_size_is_refused() -> None:
    for missing, sound in ((1, CHUNK), (316, CHUNK), (317, 0)):
        released = bytearray()
        with pytest.raises(AuthenticationFailed, match="ends before"):
            read_body(ENVELOPE, STORED[:-missing], released, object_size=len(STORED))
        assert bytes(released) == DOCUMENT[:sound]


def test_an_object_that_goes_on_behind_its_size_is_refused() -> None:
    released = bytearray()
    with pytest.raises(AuthenticationFailed, match="follows"):
        read_body(ENVELOPE, STORED + b"\0", released, object_size=len(STORED))
    assert bytes(released) == DOCUMENT[:CHUNK]


def test_a_view_that_was_kept_never_shows_what_did_not_verify() -> None:
    reader = io.BytesIO(flipped(len(STORED) - 1, 0))
    reader.seek(HEADER)
    views = ENVELOPE.open_chunks(reader, object_size=len(STORED))
    kept = next(views)
    assert bytes(kept) == DOCUMENT[:CHUNK]
    with pytest.raises(AuthenticationFailed):
        next(views)
    assert bytes(kept[:300]) == bytes(300)


def test_bytes_that_are_no_envelope_are_refused() -> None:
    rng = random.Random(4)  # noqa: S311
    for size in (0, 1, 15, 16, 4096, 9000):
        with pytest.raises(MalformedEnvelope):
            open_header(rng.randbytes(size), RING, expected=None)
