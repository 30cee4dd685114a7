"""A key ring as a vault has it, and envelopes sealed with it."""

from datetime import UTC, datetime
from uuid import uuid4

from documents.encryption.envelope import EnvelopeIds, Metadata
from documents.encryption.keyring import KeyRing, generate_kek, generate_origin_key, load_kek, load_origin_key


def new_key_ring() -> KeyRing:
    """RSA-3072, with a recovery KEK whose private half is not here, and an origin key."""
    origin = load_origin_key(generate_origin_key().private)
    return KeyRing(
        load_kek(generate_kek(bits=3072).private),
        [load_kek(generate_kek(bits=3072).public)],
        origin_key=origin,
        origin_public_keys=[origin.public_key()],
    )


def new_ids() -> EnvelopeIds:
    return EnvelopeIds(uuid4(), uuid4(), uuid4())


def new_metadata() -> Metadata:
    return Metadata(
        filename="a document.pdf", content_type="application/pdf", owner="bench", created_at=datetime.now(UTC)
    )
