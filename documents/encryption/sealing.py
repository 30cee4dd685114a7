"""Writing an envelope in one pass (FORMAT.md §6)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from documents.encryption import metadata as meta
from documents.encryption.aead import ZERO_NONCE, Aead, Buffer
from documents.encryption.derivation import (
    CONTEXT_SIZE,
    DEK_SIZE,
    SALT_SIZE,
    body_cipher,
    digest_cipher,
    with_commitment,
)
from documents.encryption.geometry import Geometry
from documents.encryption.header import (
    DEFAULT_CHUNK_LOG2,
    HEADER_STEP,
    MAX_CHUNK_LOG2,
    MIN_CHUNK_LOG2,
    EnvelopeIds,
    build_context,
)
from documents.encryption.keyblock import Stanza, build_key_block, key_block_size
from documents.encryption.keyring import KeyRing
from documents.encryption.metadata import Metadata
from documents.encryption.origin import origin_message
from documents.encryption.stream import BodyWriter


@dataclass(frozen=True, slots=True)
class SealedHeader:
    """A finished header and what seals the body behind it."""

    header: bytes
    prefix_core: bytes
    key_block: bytes
    geometry: Geometry
    dek: bytes = field(repr=False)

    def body_cipher(self) -> Aead:
        """What seals the chunks of this envelope, and of no other."""
        return body_cipher(self.dek, self.prefix_core)


def seal_header(ids: EnvelopeIds, metadata: Metadata, key_ring: KeyRing, *, chunk_log2: int) -> SealedHeader:
    """Draw a DEK and a salt, and write a header for every recipient of the ring.

    Raises OpenOnlyKeyRing, MalformedEnvelope for metadata that no header can hold, ValueError for a chunk size out of
    limits.
    """
    key_ring.require_sealing()
    if not MIN_CHUNK_LOG2 <= chunk_log2 <= MAX_CHUNK_LOG2:
        raise ValueError(f"chunk_log2 is {MIN_CHUNK_LOG2} to {MAX_CHUNK_LOG2}")
    size = _header_size(metadata, key_ring)
    dek = os.urandom(DEK_SIZE)
    blank = build_context(ids, size=size, chunk_log2=chunk_log2, salt=os.urandom(SALT_SIZE))
    context = with_commitment(dek, blank)
    text = meta.encode(metadata, origin_signature=key_ring.sign_origin(origin_message(context)))
    key_block = wrap_for(key_ring, seq=0, dek=dek, context=context)
    header = context + meta.seal_meta(text, dek=dek, context=context) + key_block
    return SealedHeader(header.ljust(size, b"\0"), context, key_block, Geometry(size, 1 << chunk_log2), dek)


def wrap_for(key_ring: KeyRing, *, seq: int, dek: bytes, context: bytes) -> bytes:
    """A key block for every recipient of the ring."""
    stanzas = [Stanza(kek.stanza_type, kek.kek_id, kek.wrap(dek, context)) for kek in key_ring.recipients]
    return build_key_block(stanzas, seq=seq, dek=dek, context=context)


def _header_size(metadata: Metadata, key_ring: KeyRing) -> int:
    # The commitment covers the header's size and the signature covers the commitment, so the size comes first.
    placeholder = bytes(meta.SIGNATURE_SIZE) if key_ring.origin_key else None
    text_size = len(meta.encode(metadata, origin_signature=placeholder))
    needed = (
        CONTEXT_SIZE + meta.meta_size_of(text_size) + key_block_size([kek.wrapped_size for kek in key_ring.recipients])
    )
    return -(-needed // HEADER_STEP) * HEADER_STEP


class Sealer:
    """Seals one document while it arrives. One instance, one DEK: after a failure start over with a new one.

    Write ``header`` first, then everything ``update`` yields, then what ``finish`` returns. Each view is valid until
    the next is asked for, and each iterator of ``update`` must be exhausted before the next call.
    """

    def __init__(
        self, ids: EnvelopeIds, metadata: Metadata, key_ring: KeyRing, *, chunk_log2: int = DEFAULT_CHUNK_LOG2
    ) -> None:
        """Raises MalformedEnvelope for metadata that no header can hold, ValueError for a chunk size out of limits."""
        self._sealed = seal_header(ids, metadata, key_ring, chunk_log2=chunk_log2)
        self._body = BodyWriter(self._sealed.body_cipher(), self._sealed.geometry.chunk_size)
        self._plaintext_size = 0
        self._ready, self._digest_sealed = True, False

    @property
    def header(self) -> bytes:
        """All of the header, a multiple of 4,096 bytes."""
        return self._sealed.header

    @property
    def prefix_core(self) -> bytes:
        """PREFIX ‖ CORE, the context: 144 bytes for the row."""
        return self._sealed.prefix_core

    @property
    def key_block(self) -> bytes:
        """The key block as it stands in the header, for the row."""
        return self._sealed.key_block

    @property
    def plaintext_size(self) -> int:
        """Bytes given to ``update`` so far."""
        return self._plaintext_size

    @property
    def object_size(self) -> int:
        """Bytes of the whole object, if the document ended here."""
        return self._sealed.geometry.object_size(self._plaintext_size)

    def update(self, data: Buffer) -> Iterator[memoryview]:
        """Take more plaintext; yield what is sealed by now. ``data`` is consumed when the iterator is exhausted.

        Raises RuntimeError after ``finish``, or where the iterator before this one was not exhausted;
        MalformedEnvelope beyond 2^32 chunks.
        """
        self._claim()
        self._plaintext_size += memoryview(data).nbytes
        return self._update(data)

    def _update(self, data: Buffer) -> Iterator[memoryview]:
        yield from self._body.update(data)
        self._ready = True

    def finish(self) -> memoryview:
        """Return the last chunk, at most a chunk and a tag long. Raises RuntimeError as ``update`` does."""
        self._claim()
        return self._body.finish()

    def _claim(self) -> None:
        if not self._ready:
            raise RuntimeError("this Sealer is finished, or an iterator of update() was not exhausted")
        self._ready = False

    def seal_digest(self, sha256: bytes) -> bytes:
        """Seal the SHA-256 of the plaintext for the row: 48 bytes (FORMAT.md §8). RuntimeError the second time."""
        if len(sha256) != 32:
            raise ValueError("a SHA-256 has 32 bytes")
        if self._digest_sealed:
            raise RuntimeError("the digest of one envelope is sealed once")
        self._digest_sealed = True
        return digest_cipher(self._sealed.dek, self.prefix_core).seal(ZERO_NONCE, sha256, self.prefix_core)
