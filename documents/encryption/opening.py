"""Reading an envelope, in the order of FORMAT.md §7."""

import hmac
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from documents.encryption import metadata as meta
from documents.encryption.aead import ZERO_NONCE, Aead, Buffer
from documents.encryption.derivation import CONTEXT_SIZE, body_cipher, digest_cipher
from documents.encryption.geometry import Geometry, ObjectRange
from documents.encryption.header import Core, EnvelopeIds, header_size, parse_core
from documents.encryption.keyblock import MAX_SEQ, KeyBlock, parse_key_block
from documents.encryption.keyring import KeyRing
from documents.encryption.metadata import Metadata
from documents.encryption.origin import origin_message
from documents.encryption.sealing import wrap_for
from documents.encryption.stream import Reader, open_body
from documents.encryption.unwrapping import MAX_OUTSIDE_KEY_BLOCKS, parse_whole_key_block, unwrap
from documents.errors import AuthenticationFailed, MalformedEnvelope


@dataclass(frozen=True, slots=True)
class OpenRow:
    """An unwrapped DEK with the context and the current key block it belongs to. Its repr does not show the DEK."""

    prefix_core: bytes
    key_block: bytes
    key_block_seq: int
    kek_ids: tuple[bytes, ...]
    dek: bytes = field(repr=False)

    def open_digest(self, sealed: bytes) -> bytes:
        """The SHA-256 that ``Sealer.seal_digest`` sealed. Raises AuthenticationFailed."""
        return digest_cipher(self.dek, self.prefix_core).open(ZERO_NONCE, sealed, self.prefix_core)

    def seal_digest(self, digest: bytes) -> bytes:
        """Seal the SHA-256 of the plaintext, for a row that is made anew from its object: what ``Sealer`` sealed then.

        It is the same message under the same key, so nonce 0 is not used for a second one (FORMAT.md §3).
        """
        return digest_cipher(self.dek, self.prefix_core).seal(ZERO_NONCE, digest, self.prefix_core)

    def rewrap(self, key_ring: KeyRing, *, taken: Collection[int] = ()) -> bytes:
        """A newer key block, for the recipients of ``key_ring`` (FORMAT.md §9). The object stays as it is.

        Its kb_seq is the next that is not among ``taken``, where a store has other blocks already; one above all of
        them where readers, who begin with the highest, would not come to it.
        """
        seq = next(number for number in count(self.key_block_seq + 1) if number not in taken)
        # One of those that readers try is the row's.
        if sum(number > seq for number in taken) >= MAX_OUTSIDE_KEY_BLOCKS - 1 and max(taken) < MAX_SEQ:
            seq = max(taken) + 1
        return wrap_for(key_ring, seq=seq, dek=self.dek, context=self.prefix_core)


@dataclass(frozen=True, slots=True)
class OpenEnvelope:
    """A header that verified, and what opens the body behind it.

    ``row`` is what a database may keep of it, with the newest key block that verified.
    """

    ids: EnvelopeIds
    metadata: Metadata
    geometry: Geometry
    row: OpenRow

    @property
    def chunk_size(self) -> int:
        """Bytes of plaintext in a whole chunk."""
        return self.geometry.chunk_size

    @property
    def header_size(self) -> int:
        """Bytes of the header; the body begins there."""
        return self.geometry.header_size

    def body_cipher(self) -> Aead:
        """What opens the chunks of this envelope."""
        return body_cipher(self.row.dek, self.row.prefix_core)

    def plaintext_size(self, object_size: int) -> int:
        """Bytes of plaintext in an object of this size. Raises MalformedEnvelope for one that cannot be.

        True only as far as ``object_size`` is: see FORMAT.md §7.2.
        """
        return self.geometry.plaintext_size(object_size)

    def object_range(self, start: int, stop: int, object_size: int) -> ObjectRange:
        """Which bytes of the object hold plaintext ``start`` up to, not including, ``stop``.

        Raises MalformedEnvelope for an impossible size, ValueError for a range that is empty (save the whole of an
        empty document) or lies outside the plaintext.
        """
        return self.geometry.object_range(start, stop, object_size)

    def open_chunks(
        self, reader: Reader, *, object_size: int, start: int = 0, stop: int | None = None
    ) -> Iterator[memoryview]:
        """Yield exactly plaintext ``start`` up to, not including, ``stop`` (None: the end), as it verifies.

        ``reader`` stands at ``object_range(start, stop, object_size).start`` (for a whole document: right behind the
        header) and stays the caller's to close. Each view is valid until the next is asked for. What is refused
        before the first chunk is raised at once: MalformedEnvelope, ValueError. While iterating AuthenticationFailed
        means that what was yielded before is sound and nothing else is: abort, do not end as if complete.
        """
        end = self.plaintext_size(object_size) if stop is None else stop
        self.object_range(start, end, object_size)
        return open_body(reader, self.body_cipher(), self.geometry, object_size=object_size, start=start, stop=end)


@dataclass(frozen=True, slots=True)
class _Parsed:
    context: bytes
    core: Core
    meta: bytes
    key_block: KeyBlock


def open_header(
    header: Buffer,
    key_ring: KeyRing,
    *,
    expected: EnvelopeIds | None,
    key_blocks: Sequence[bytes] = (),
    expected_prefix_core: bytes | None = None,
) -> OpenEnvelope:
    """Verify a header and unwrap its DEK. ``header`` may be longer than the header is.

    ``expected`` are the ids of the row, or None where there is no row (recovery). ``key_blocks`` are newer key blocks
    from outside, at most 8. Raises any EncryptionError but WrongPassphrase and WeakKey; ValueError for too many key
    blocks.
    """
    parsed = _parse(header)
    context = parsed.context
    if expected_prefix_core is not None and not hmac.compare_digest(context, expected_prefix_core):
        raise AuthenticationFailed(
            "The object is not the one that was stored here: PREFIX and CORE differ from the row."
        )
    dek, current = unwrap(parsed.key_block, key_blocks, context=context, key_ring=key_ring)
    metadata, signature = meta.decode(meta.open_meta(parsed.meta, dek=dek, context=context))
    if not key_ring.accepts_origin(signature, origin_message(context)):
        raise AuthenticationFailed("No origin key of this vault signed the envelope.")
    if expected is not None and parsed.core.ids != expected:
        raise AuthenticationFailed("The object belongs to another attachment: its ids are not those expected.")
    geometry = Geometry(header_size(context), 1 << parsed.core.chunk_log2)
    return OpenEnvelope(parsed.core.ids, metadata, geometry, _row(context, current, dek))


def claimed_plaintext_size(header: Buffer, object_size: int) -> int:
    """Bytes of plaintext in an object that begins with ``header``, as they claim: no key is needed, nothing verified.

    At least 144 bytes of the header must be there. Raises MalformedEnvelope or UnsupportedEnvelope.
    """
    size = header_size(header)
    core = parse_core(bytes(header[:CONTEXT_SIZE]))
    return Geometry(size, 1 << core.chunk_log2).plaintext_size(object_size)


def claimed_key_block(header: Buffer) -> bytes:
    """The key block that stands in a whole header: no key is needed, nothing of it is verified.

    Raises MalformedEnvelope or UnsupportedEnvelope.
    """
    return _parse(header).key_block.raw


def open_row(prefix_core: bytes, key_block: bytes, key_ring: KeyRing) -> OpenRow:
    """Unwrap from what a row keeps, without the object. Raises as ``open_header`` does."""
    parse_core(prefix_core)
    block = parse_whole_key_block(key_block)
    dek, current = unwrap(block, (), context=prefix_core, key_ring=key_ring)
    return _row(prefix_core, current, dek)


def _row(context: bytes, current: KeyBlock, dek: bytes) -> OpenRow:
    return OpenRow(context, current.raw, current.seq, tuple(stanza.kek_id for stanza in current.stanzas), dek)


def _parse(data: Buffer) -> _Parsed:
    size = header_size(data)
    header = bytes(data[:size])
    if len(header) < size:
        raise MalformedEnvelope(f"The header has {size:,} bytes; here are {len(header):,}.")
    context = header[:CONTEXT_SIZE]
    core = parse_core(context)
    meta_end = CONTEXT_SIZE + meta.meta_size(int.from_bytes(header[CONTEXT_SIZE : CONTEXT_SIZE + 4], "big"))
    key_block = parse_key_block(header[meta_end:])
    if any(header[meta_end + len(key_block.raw) :]):
        raise MalformedEnvelope("The header has other bytes where zeros belong.")
    return _Parsed(context, core, header[CONTEXT_SIZE:meta_end], key_block)
