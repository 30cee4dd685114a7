"""One stored object opened as a whole, for a database that has no row of it: everything that a row keeps, verified."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from documents.encryption.envelope import (
    CONTEXT_SIZE,
    MIN_HEADER_SIZE,
    PREFIX_SIZE,
    EnvelopeIds,
    Metadata,
    header_size,
    open_header,
)
from documents.encryption.header import MAGIC, parse_core
from documents.encryption.keyring import KeyRing
from documents.errors import MalformedEnvelope
from documents.services.keys import CHECK_PREFIX, EPOCH_PREFIX, TRASH_PREFIX
from documents.services.payload_sealing import MEDIA_TYPES
from documents.services.sidecars import SIDECARS, read_sidecars
from documents.storage.base import ObjectInfo, ObjectReader, StorageProvider

# Where no object is that a document's row names.
_ELSEWHERE = (TRASH_PREFIX, EPOCH_PREFIX, CHECK_PREFIX, SIDECARS)
# The version of ids that are made of a name (RFC 9562): those of other apps' files; a document's are random.
_MADE_OF_A_NAME = 5


class ForeignObject(Exception):
    """It is no envelope, and its key is not one of the vault's: somebody else's."""


@dataclass(frozen=True, slots=True)
class RecoveredObject:
    """What a row keeps of an object, every byte of which was opened. Sizes are bytes, digests hex.

    ``plaintext_digest`` is of the content; in a row it is sealed, as ``sealed_digest``.
    """

    ids: EnvelopeIds
    metadata: Metadata
    storage_type: str
    key: str
    size: int
    sealed_size: int
    digest: str
    envelope_core: bytes
    key_block: bytes
    sealed_digest: bytes
    plaintext_digest: str
    kek_id: str

    @property
    def is_document(self) -> bool:
        """Whether it is a version of a document: no payload, and no file of another app."""
        is_payload = self.metadata.content_type in MEDIA_TYPES.values()
        return not is_payload and self.ids.attachment_id.version != _MADE_OF_A_NAME


def objects_of_documents(provider: StorageProvider) -> Iterator[ObjectInfo]:
    """Yield what may be a document's object: all but the trash and what the vault keeps beside. Raises StorageError."""
    return (info for info in provider.iter_locations() if not info.key.startswith(_ELSEWHERE))


def claimed_vault_id(provider: StorageProvider, info: ObjectInfo) -> bytes | None:
    """Return which vault an object says it is of, unverified, or None where it is no envelope. Raises StorageError."""
    if info.size < MIN_HEADER_SIZE:
        return None
    start = provider.get_range(info.key, 0, 32)
    return start[PREFIX_SIZE:32] if start.startswith(MAGIC) else None


def open_object(provider: StorageProvider, info: ObjectInfo, ring: KeyRing, *, beside: bool) -> RecoveredObject:
    """Open an object from its first byte to its last. Memory is flat whatever its size.

    ``beside`` says that the store has sidecars, which are then tried too. Raises ForeignObject, EncryptionError,
    StorageError.
    """
    if info.size < MIN_HEADER_SIZE:
        is_ours = info.key.endswith(".vlt")
        raise MalformedEnvelope("The object is shorter than any envelope.") if is_ours else ForeignObject
    with provider.open(info.key) as opened:
        reader = _Hashing(opened)
        header = reader.read_exactly(PREFIX_SIZE)
        if not header.startswith(MAGIC) and not info.key.endswith(".vlt"):
            raise ForeignObject
        header += reader.read_exactly(header_size(header) - PREFIX_SIZE)
        attachment_id = parse_core(header[:CONTEXT_SIZE]).ids.attachment_id
        blocks = read_sidecars(provider, attachment_id) if beside else []
        envelope = open_header(header, ring, expected=None, key_blocks=blocks)
        plaintext, size = hashlib.sha256(), 0
        for piece in envelope.open_chunks(reader, object_size=opened.info.size):
            plaintext.update(piece)
            size += len(piece)
    row = envelope.row
    return RecoveredObject(
        ids=envelope.ids,
        metadata=envelope.metadata,
        storage_type=provider.name,
        key=info.key,
        size=size,
        sealed_size=opened.info.size,
        digest=reader.digest.hexdigest(),
        envelope_core=row.prefix_core,
        key_block=row.key_block,
        sealed_digest=row.seal_digest(plaintext.digest()),
        plaintext_digest=plaintext.hexdigest(),
        kek_id=row.kek_ids[0].hex(),
    )


class _Hashing:
    """A reader that hashes what passes. Not to be closed by itself."""

    def __init__(self, reader: ObjectReader) -> None:
        self._reader, self.digest = reader, hashlib.sha256()

    def readinto(self, buffer: bytearray | memoryview) -> int:
        count = self._reader.readinto(buffer)
        self.digest.update(memoryview(buffer)[:count])
        return count

    def read_exactly(self, size: int) -> bytes:
        """Raises MalformedEnvelope where there are fewer."""
        buffer, filled = memoryview(bytearray(size)), 0
        while filled < size:
            if not (count := self.readinto(buffer[filled:])):
                raise MalformedEnvelope("The object ends inside its header.")
            filled += count
        return bytes(buffer)
