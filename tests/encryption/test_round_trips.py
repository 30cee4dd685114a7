import io
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.encryption.envelope import MAX_HEADER_SIZE, Metadata, OpenEnvelope, header_size, open_header
from documents.errors import MalformedEnvelope
from tests.encryption.keys import RING
from tests.encryption.objects import CHUNK, METADATA, finished, opened, sealed, sealer

DOCUMENT = random.Random(1).randbytes(5 * CHUNK + 321)  # noqa: S311
STORED = sealed(DOCUMENT)


@given(size=st.integers(0, 4 * CHUNK + 5), pieces=st.lists(st.integers(0, 2 * CHUNK + 3), max_size=8))
@settings(deadline=None, max_examples=60)
def test_what_was_sealed_in_odd_pieces_opens_again(size: int, pieces: list[int]) -> None:
    document, sealing = DOCUMENT[:size], sealer()
    stored, at = bytearray(sealing.header), 0
    for piece in [*pieces, size]:
        for view in sealing.update(bytearray(document[at : at + piece])):
            stored += view
        at += piece
    stored += sealing.finish()
    assert sealing.plaintext_size == size
    assert sealing.object_size == len(stored)
    assert opened(bytes(stored)) == document


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_a_range_gives_exactly_its_bytes(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(DOCUMENT) - 1))
    stop = data.draw(st.integers(start + 1, len(DOCUMENT)))
    assert b"".join(bytes(view) for view in read_range(ENVELOPE, start, stop)) == DOCUMENT[start:stop]


def read_range(envelope: OpenEnvelope, start: int, stop: int) -> list[bytes]:
    """As from a store: the reader holds the covering bytes of the object and nothing else."""
    covering = envelope.object_range(start, stop, len(STORED))
    assert covering.first_chunk == start // CHUNK
    reader = io.BytesIO(STORED[covering.start : covering.stop])
    return [bytes(view) for view in envelope.open_chunks(reader, object_size=len(STORED), start=start, stop=stop)]


ENVELOPE = open_header(STORED, RING, expected=None)


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (6, 5), (0, len(DOCUMENT) + 1), (0, 0)])
def test_a_range_outside_of_the_document_is_the_callers_mistake(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="no plaintext from"):
        ENVELOPE.open_chunks(io.BytesIO(), object_size=len(STORED), start=start, stop=stop)


def test_an_impossible_size_is_refused_before_anything_is_read() -> None:
    with pytest.raises(MalformedEnvelope):
        ENVELOPE.open_chunks(io.BytesIO(STORED), object_size=ENVELOPE.header_size + 5)


def test_the_reader_may_give_less_than_it_is_asked_for() -> None:
    class Trickle(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            return super().readinto(buffer[:7])

    reader = Trickle(STORED)
    reader.seek(ENVELOPE.header_size)
    views = ENVELOPE.open_chunks(reader, object_size=len(STORED))
    assert b"".join(bytes(view) for view in views) == DOCUMENT


@given(
    filename=st.text(st.characters(codec=None), max_size=300),
    created_at=st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=11))]),
        min_value=datetime(2, 1, 1),  # noqa: DTZ001
    ),
)
@settings(deadline=None, max_examples=60)
def test_metadata_come_back_as_they_were(filename: str, created_at: datetime) -> None:
    given_ = Metadata(filename, "text/plain; charset=utf-8", "alice", created_at, "gzip")
    back = open_header(finished(sealer(metadata=given_), b""), RING, expected=None).metadata
    surrogates_replaced = "".join(
        "\ufffd" if "\ud800" <= character <= "\udfff" else character for character in filename
    )
    assert back == Metadata(surrogates_replaced, "text/plain; charset=utf-8", "alice", created_at, "gzip")


def test_a_header_grows_with_a_long_name_and_keeps_its_step() -> None:
    stored = finished(sealer(metadata=Metadata("x" * 30_000, "", "", METADATA.created_at)), b"?")
    assert header_size(stored[:16]) == 32_768
    assert header_size(stored[:16]) <= MAX_HEADER_SIZE
    assert opened(stored) == b"?"


def test_names_and_types_do_not_show_in_the_object() -> None:
    assert b"payslip" not in STORED
    assert b"application/pdf" not in STORED


def test_length_of_a_name_shows_only_in_steps() -> None:
    sizes = set()
    for length in range(20):
        stored = finished(sealer(metadata=Metadata("n" * length, "text/plain", "7", METADATA.created_at)), b"")
        sizes.add(int.from_bytes(stored[144:148], "big"))
    assert sizes == {256 + 16}
