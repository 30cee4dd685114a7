"""For whom a key block is wrapped, read without a key (FORMAT.md §2.4)."""

import hashlib
from collections.abc import Iterable

from documents.encryption.keyblock import parse_key_block
from documents.errors import MalformedEnvelope


def recipients_digest(kek_ids: Iterable[bytes]) -> str:
    """64 characters that stand for these KEK ids in this order: SHA-256 in hex of the ids one after the other.

    An id names one KEK and its wrap, so that rows with one digest are wrapped in the same way for the same KEKs.
    """
    digest = hashlib.sha256()
    for kek_id in kek_ids:
        digest.update(kek_id)
    return digest.hexdigest()


def recipients_of(key_block: bytes) -> tuple[bytes, ...]:
    """The KEK ids that stand in a key block, nothing of it verified. Raises MalformedEnvelope."""
    return tuple(stanza.kek_id for stanza in parse_key_block(key_block).stanzas)


def digest_of_block(key_block: bytes) -> str:
    """What a row keeps of its key block's recipients. Raises MalformedEnvelope."""
    return recipients_digest(recipients_of(key_block))


def wrap_type_of(key_block: bytes) -> int:
    """The stanza type of a key block (FORMAT.md §5); its stanzas are of one. Raises MalformedEnvelope."""
    return parse_key_block(key_block).stanzas[0].type


def is_readable(key_block: bytes) -> bool:
    """Whether it is said for whom the block is wrapped: a damaged one may not say so."""
    try:
        recipients_of(key_block)
    except MalformedEnvelope:
        return False
    return True
