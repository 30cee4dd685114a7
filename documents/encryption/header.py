"""PREFIX and CORE, and where META and KEYBLOCK stand in a header (FORMAT.md §2.1, §2.2, §2.5)."""

import struct
from dataclasses import dataclass
from uuid import UUID

from documents.encryption.aead import Buffer
from documents.encryption.derivation import CONTEXT_SIZE
from documents.errors import MalformedEnvelope, UnsupportedEnvelope

MAGIC = b"\x89VLT\r\n\x1a\n"
VERSION = 1
SUITE = 1
PREFIX_SIZE = 16  # bytes
MIN_HEADER_SIZE = 4_096  # bytes
MAX_HEADER_SIZE = 65_536  # bytes
HEADER_STEP = 4_096  # a header is a multiple of this
MIN_CHUNK_LOG2 = 12
MAX_CHUNK_LOG2 = 22
DEFAULT_CHUNK_LOG2 = 18

_PREFIX = struct.Struct(">8sBBHI")
_CORE = struct.Struct(">16s16s16sB15s32s32s")


@dataclass(frozen=True, slots=True)
class EnvelopeIds:
    """Which attachment of which document of which vault an envelope holds. All three are bound by the commitment."""

    vault_id: UUID
    document_id: UUID
    attachment_id: UUID


def header_size(first: Buffer) -> int:
    """Bytes of the whole header, told by its first 16 (more may be given).

    Raises MalformedEnvelope where this is no envelope or the size is out of limits, UnsupportedEnvelope where it is
    one that this reader must not try.
    """
    if len(first) < PREFIX_SIZE:
        raise MalformedEnvelope(f"An envelope has at least {MIN_HEADER_SIZE:,} bytes; here are {len(first)}.")
    magic, version, suite, flags, size = _PREFIX.unpack_from(first)
    if magic != MAGIC:
        raise MalformedEnvelope("This object is not an envelope: its first eight bytes are others.")
    if version != VERSION:
        raise UnsupportedEnvelope(f"Envelope version {version} is not one this release reads.")
    if suite != SUITE:
        raise UnsupportedEnvelope(f"Cipher suite {suite} is not one this release accepts.")
    if flags:
        raise UnsupportedEnvelope(f"The envelope has flags ({flags:#06x}) that this release does not know.")
    if not MIN_HEADER_SIZE <= size <= MAX_HEADER_SIZE or size % HEADER_STEP:
        raise MalformedEnvelope(f"An envelope's header cannot have {size:,} bytes.")
    return int(size)


def build_context(ids: EnvelopeIds, *, size: int, chunk_log2: int, salt: bytes) -> bytes:
    """PREFIX ‖ CORE for a header of ``size`` bytes, with zeros in the place of the commitment."""
    core = _CORE.pack(
        ids.vault_id.bytes, ids.document_id.bytes, ids.attachment_id.bytes, chunk_log2, bytes(15), salt, bytes(32)
    )
    return _PREFIX.pack(MAGIC, VERSION, SUITE, 0, size) + core


@dataclass(frozen=True, slots=True)
class Core:
    """What CORE says of the envelope; salt and commitment stay in the context. Chunks have 2^``chunk_log2`` bytes."""

    ids: EnvelopeIds
    chunk_log2: int


def parse_core(context: bytes) -> Core:
    """What PREFIX ‖ CORE say, nothing of it verified. Raises MalformedEnvelope, UnsupportedEnvelope."""
    header_size(context)
    if len(context) != CONTEXT_SIZE:
        raise MalformedEnvelope(f"PREFIX and CORE have {CONTEXT_SIZE} bytes; here are {len(context)}.")
    vault, document, attachment, chunk_log2, zeros, _salt, _commitment = _CORE.unpack_from(context, PREFIX_SIZE)
    if not MIN_CHUNK_LOG2 <= chunk_log2 <= MAX_CHUNK_LOG2:
        raise MalformedEnvelope(f"A chunk of 2^{chunk_log2} bytes is out of limits.")
    if any(zeros):
        raise MalformedEnvelope("CORE has other bytes where zeros belong.")
    return Core(EnvelopeIds(UUID(bytes=vault), UUID(bytes=document), UUID(bytes=attachment)), chunk_log2)
