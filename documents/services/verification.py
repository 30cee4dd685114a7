"""Looking at one stored object: is it what its row says? Nothing is changed, and without ``deep`` no key is needed.

The classes of what may be found, none of which hides another's object:

    missing             the store has no such object
    wrong-object        another envelope is in its place
    wrong-size          it is shorter or longer than what was sealed
    damaged             it has other bytes than those that were sealed
    does-not-open       deep: a tag, a signature or the sealed digest does not verify, though every byte is as it was
    unknown-key         no KEK of the ring, recovery keys apart, is a recipient of the row's key block
    key-block-damaged   the row's key block cannot be read, or (deep) does not verify
    sidecar-missing     the newer key block that belongs beside the object is not there
    sidecar-damaged     another one is there
    sidecar-stray       one is there with a higher number than any that was written (``upkeep.verify``)
    orphan              no row needs it (``upkeep.verify``)
"""

import hashlib
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from documents.encryption.envelope import (
    CONTEXT_SIZE,
    MIN_HEADER_SIZE,
    PREFIX_SIZE,
    EnvelopeIds,
    header_size,
    open_header,
)
from documents.encryption.header import parse_core
from documents.encryption.keyring import KeyRing
from documents.encryption.recipients import recipients_of
from documents.errors import EncryptionError, KeyRingError, MalformedEnvelope, ObjectNotFound, RangeNotSatisfiable
from documents.models import Payload
from documents.services.rewrapping import Row
from documents.services.sidecars import read_sidecar, sequence_in, sidecar_key
from documents.storage.base import ObjectReader, StorageProvider

# CORE's salt and commitment (FORMAT.md §2.2): both are others in another envelope, and damage seldom hits both.
_SALT, _COMMITMENT = slice(80, 112), slice(112, 144)
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """``code`` is a class of this module, ``detail`` says it for people."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Looking:
    """How objects are looked at. ``read`` is told of each piece's bytes: it slows down, or raises to stop.

    ``ring`` opens them where ``deep`` is set. ``kek_ids`` are those that the vault opens with.
    """

    vault_id: UUID
    kek_ids: Collection[bytes]
    read: Callable[[int], None]
    deep: bool = False
    ring: KeyRing | None = field(default=None, repr=False)


def look_at(row: Row, provider: StorageProvider, looking: Looking) -> list[Problem]:
    """Return what is wrong with the row's object and its key blocks. Raises StorageError, KeyRingError."""
    found = _keys_of(row, provider, looking)
    try:
        with provider.open(row.storage_path) as opened:
            reader = _Hashing(opened, looking.read)
            unopened = _opened(row, reader, looking) if looking.deep and row.envelope_core else None
            reader.drain()
    except (ObjectNotFound, RangeNotSatisfiable) as error:
        if isinstance(error, RangeNotSatisfiable):  # an object without a byte, to some stores
            return [*found, Problem("wrong-size", f"0 bytes in place of {row.sealed_size:,}")]
        return [*found, Problem("missing", "The store has no such object.")]
    if problem := _compared(row, reader) or unopened:
        found.append(problem)
    return found


def _compared(row: Row, reader: "_Hashing") -> Problem | None:
    if reader.digest.hexdigest() == row.digest and reader.size == row.sealed_size:
        return None
    if _is_another(reader.start, bytes(row.envelope_core)):
        return Problem("wrong-object", "Another envelope is in its place.")
    if reader.size != row.sealed_size:
        return Problem("wrong-size", f"{reader.size:,} bytes in place of {row.sealed_size:,}")
    return Problem("damaged", "Its SHA-256 is not the one that was taken when it was sealed.")


def _is_another(start: bytes, context: bytes) -> bool:
    try:
        parse_core(start)
    except EncryptionError:
        return False
    return start[_SALT] != context[_SALT] and start[_COMMITMENT] != context[_COMMITMENT]


def _keys_of(row: Row, provider: StorageProvider, looking: Looking) -> list[Problem]:
    """What is wrong with the row's key block, and with the sidecar that repeats it."""
    block = bytes(row.key_block)
    if not row.envelope_core:
        return []  # in the format of an older vault, which has none
    found = []
    try:
        if not set(recipients_of(block)) & set(looking.kek_ids):
            found.append(Problem("unknown-key", "No KEK of this vault's ring opens it, but perhaps a recovery key."))
    except MalformedEnvelope:
        return [Problem("key-block-damaged", "The row's key block cannot be read; the object's header has another.")]
    if sequence_in(block) > 0:
        beside, key = None, sidecar_key(row.pk, block)
        with suppress(ObjectNotFound):
            beside = read_sidecar(provider, key)
        if beside is None:
            found.append(
                Problem("sidecar-missing", f"The newer key block is not beside the object: there is no {key}.")
            )
        elif beside != block:
            found.append(Problem("sidecar-damaged", f"{key} is not the row's key block."))
    return found


def _opened(row: Row, reader: "_Hashing", looking: Looking) -> Problem | None:
    """Open every chunk, and compare what was sealed of the plaintext's digest."""
    if looking.ring is None:
        raise ValueError("opening needs a key ring")
    group = row.group_id if isinstance(row, Payload) else row.document_id
    try:
        header = reader.read_exactly(MIN_HEADER_SIZE)
        header += reader.read_exactly(header_size(header[:PREFIX_SIZE]) - len(header))
        envelope = open_header(
            header,
            looking.ring,
            expected=EnvelopeIds(looking.vault_id, group, row.pk),
            key_blocks=[bytes(row.key_block)],
            expected_prefix_core=bytes(row.envelope_core),
        )
        digest = hashlib.sha256()
        for piece in envelope.open_chunks(reader, object_size=reader.info.size):
            digest.update(piece)
        if row.sealed_digest and envelope.row.open_digest(bytes(row.sealed_digest)) != digest.digest():
            return Problem("does-not-open", "The plaintext has another SHA-256 than the one that was sealed with it.")
        if envelope.row.key_block != bytes(row.key_block):
            return Problem("key-block-damaged", "The row's key block does not verify; the object's own opened.")
    except KeyRingError:
        raise
    except EncryptionError as error:
        return Problem("does-not-open", f"{type(error).__name__}: {error}")
    return None


class _Hashing:
    """A reader that hashes what passes, tells of it, and keeps the first 144 bytes. Not to be closed by itself."""

    def __init__(self, reader: ObjectReader, told: Callable[[int], None]) -> None:
        self._reader, self._told = reader, told
        self.info = reader.info
        self.digest, self.size, self.start = hashlib.sha256(), 0, b""

    def readinto(self, buffer: bytearray | memoryview) -> int:
        count = self._reader.readinto(buffer)
        piece = memoryview(buffer)[:count]
        self.digest.update(piece)
        self.size += count
        if len(self.start) < CONTEXT_SIZE:
            self.start += bytes(piece[: CONTEXT_SIZE - len(self.start)])
        self._told(count)
        return count

    def read_exactly(self, size: int) -> bytes:
        """Raises MalformedEnvelope where there are fewer."""
        buffer = bytearray(size)
        filled = 0
        while filled < size:
            count = self.readinto(memoryview(buffer)[filled:])
            if not count:
                raise MalformedEnvelope(f"The object ends after {self.size:,} bytes, inside its header.")
            filled += count
        return bytes(buffer)

    def drain(self) -> None:
        """Read the rest, whatever it is."""
        buffer = bytearray(_PIECE)
        while self.readinto(buffer):
            pass
