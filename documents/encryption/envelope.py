"""What the rest of the vault uses of the envelope.

sealer = Sealer(ids, metadata, key_ring)            write sealer.header, what update() yields, what finish() returns
size = header_size(first_16_bytes)
envelope = open_header(header, key_ring, expected=ids)
for plaintext in envelope.open_chunks(reader, object_size=…): …
"""

from documents.encryption.derivation import CONTEXT_SIZE
from documents.encryption.geometry import ObjectRange
from documents.encryption.header import (
    DEFAULT_CHUNK_LOG2,
    MAX_HEADER_SIZE,
    MIN_HEADER_SIZE,
    PREFIX_SIZE,
    EnvelopeIds,
    header_size,
)
from documents.encryption.metadata import Metadata
from documents.encryption.opening import (
    OpenEnvelope,
    OpenRow,
    claimed_key_block,
    claimed_plaintext_size,
    open_header,
    open_row,
)
from documents.encryption.sealing import Sealer
from documents.encryption.unwrapping import MAX_OUTSIDE_KEY_BLOCKS

__all__ = [
    "CONTEXT_SIZE",
    "DEFAULT_CHUNK_LOG2",
    "MAX_HEADER_SIZE",
    "MAX_OUTSIDE_KEY_BLOCKS",
    "MIN_HEADER_SIZE",
    "PREFIX_SIZE",
    "EnvelopeIds",
    "Metadata",
    "ObjectRange",
    "OpenEnvelope",
    "OpenRow",
    "Sealer",
    "claimed_key_block",
    "claimed_plaintext_size",
    "header_size",
    "open_header",
    "open_row",
]
