"""Sealing and opening whole objects in memory, as the tests need it."""

import io
from datetime import UTC, datetime
from uuid import UUID, uuid4

from documents.encryption.envelope import EnvelopeIds, Metadata, OpenEnvelope, Sealer, open_header
from documents.encryption.keyring import KeyRing
from tests.encryption.keys import RING

CHUNK = 4_096  # bytes; the smallest chunk keeps objects small
STRIDE = CHUNK + 16
METADATA = Metadata("payslip.pdf", "application/pdf", "7", datetime(2026, 11, 21, 6, 7, 8, 123456, tzinfo=UTC))


def new_ids(*, vault: UUID | None = None, document: UUID | None = None) -> EnvelopeIds:
    return EnvelopeIds(vault or uuid4(), document or uuid4(), uuid4())


def sealer(*, ids: EnvelopeIds | None = None, metadata: Metadata = METADATA, ring: KeyRing = RING) -> Sealer:
    return Sealer(ids or new_ids(), metadata, ring, chunk_log2=12)


def finished(sealing: Sealer, plaintext: bytes) -> bytes:
    """The whole object of a sealer that has taken nothing yet."""
    stored = bytearray(sealing.header)
    for piece in sealing.update(plaintext):
        stored += piece
    return bytes(stored + sealing.finish())


def sealed(plaintext: bytes, *, ids: EnvelopeIds | None = None, ring: KeyRing = RING) -> bytes:
    return finished(sealer(ids=ids, ring=ring), plaintext)


def opened(stored: bytes, *, expected: EnvelopeIds | None = None, ring: KeyRing = RING) -> bytes:
    envelope = open_header(stored, ring, expected=expected)
    released = bytearray()
    read_body(envelope, stored, released)
    return bytes(released)


def read_body(envelope: OpenEnvelope, stored: bytes, released: bytearray, *, object_size: int | None = None) -> None:
    """Read all chunks; ``released`` collects the plaintext that came out before an error."""
    reader = io.BytesIO(stored)
    reader.seek(envelope.header_size)
    for plaintext in envelope.open_chunks(reader, object_size=len(stored) if object_size is None else object_size):
        released += plaintext
