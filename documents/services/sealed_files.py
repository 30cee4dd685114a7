"""Sealed objects without a row: for files of other apps, whose own tables keep their names.

The name is bound into the envelope, so an object that was moved to another name, or put in another's place, does not
open. The file's own name and type are sealed with it.
"""

import io
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

from documents.encryption.envelope import (
    MAX_HEADER_SIZE,
    EnvelopeIds,
    Metadata,
    OpenEnvelope,
    Sealer,
    claimed_plaintext_size,
    header_size,
    open_header,
)
from documents.errors import DocumentUnreadable, EncryptionError, IntegrityMismatch, KeyRingError
from documents.models import Vault
from documents.storage.base import Buffer, ObjectRef, StorageProvider
from documents.storage.limits import limited
from documents.wiring import key_ring

# Of the ids that are made of names; a fixed one, for it stands in every envelope.
_NAMESPACE = uuid.UUID("6f1d3c1e-1f0b-5c39-9d0a-2f6c7d8f4b10")


def seal_file(
    provider: StorageProvider,
    key: str,
    chunks: Iterable[Buffer],
    *,
    filename: str,
    content_type: str,
    max_size: int | None,
) -> ObjectRef:
    """Seal the bytes that ``chunks`` yields, and put them under ``key``. Memory is flat whatever their size.

    Raises ObjectTooLarge beyond ``max_size`` bytes, ObjectExists where the key is taken, StorageError and KeyRingError;
    nothing is left then.
    """
    ring = key_ring()
    ring.require_sealing()
    metadata = Metadata(filename=filename, content_type=content_type, owner="", created_at=datetime.now(UTC))
    sealer = Sealer(_ids_of(key), metadata, ring)

    def sealed() -> Iterator[Buffer]:
        yield sealer.header
        for chunk in limited(chunks, max_size, provider=provider.name, key=key):
            yield from sealer.update(chunk)
        yield sealer.finish()

    return provider.put_stream(key, sealed())


def plaintext_size(provider: StorageProvider, key: str) -> int:
    """Return its size in bytes without a key: what the store says, not verified. Raises ObjectNotFound."""
    with provider.open(key, length=MAX_HEADER_SIZE) as reader:
        try:
            return claimed_plaintext_size(reader.read(), reader.info.size)
        except EncryptionError as error:
            raise DocumentUnreadable from error


class SealedFile(io.RawIOBase):
    """The plaintext of a sealed object as a file that can be read and sought. The caller closes it.

    The header is read and verified at the start; raises ObjectNotFound, DocumentUnreadable for what does not verify,
    KeyRingError where this process holds no private key. Not one byte is given that did not verify. One connection to
    the store is open while it is read on, and a new one after each ``seek``.
    """

    def __init__(self, provider: StorageProvider, key: str) -> None:
        super().__init__()
        self._provider, self._key, self._position = provider, key, 0
        self._connection, self._rest = ExitStack(), memoryview(b"")
        self._pieces: Iterator[memoryview] | None = None
        with provider.open(key, length=MAX_HEADER_SIZE) as reader:
            self._object_size = reader.info.size
            self._envelope = self._verified(reader.read())
            self.size = self._envelope.plaintext_size(self._object_size)

    @property
    def metadata(self) -> Metadata:
        """What was sealed with it: the file's name and type, and when it was stored."""
        return self._envelope.metadata

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to byte ``offset``; nothing is asked of the store until the next read."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError(f"There is no byte {start + offset:,} in a file.")
        if start + offset != self._position:
            self._leave()
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:  # type: ignore[override]  # typeshed's WriteableBuffer is wider
        """Fill as much of ``buffer`` as one chunk gives; 0 at the end. Raises DocumentUnreadable, StorageError."""
        if self._position >= self.size or not len(buffer):
            return 0
        try:
            if not self._rest:
                self._pieces = self._pieces or self._open()
                self._rest = next(self._pieces)
        except (EncryptionError, IntegrityMismatch, StopIteration) as error:
            self._leave()
            raise DocumentUnreadable from error
        count = min(len(buffer), len(self._rest))
        memoryview(buffer)[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count

    def close(self) -> None:
        self._leave()
        super().close()

    def _open(self) -> Iterator[memoryview]:
        place = self._envelope.object_range(self._position, self.size, self._object_size)
        reader = self._connection.enter_context(
            self._provider.open(self._key, start=place.start, length=place.stop - place.start)
        )
        return self._envelope.open_chunks(reader, object_size=self._object_size, start=self._position, stop=self.size)

    def _leave(self) -> None:
        self._pieces, self._rest = None, memoryview(b"")
        self._connection.close()

    def _verified(self, start: bytes) -> OpenEnvelope:
        ring = key_ring()
        ring.require_private_keys()
        try:
            return open_header(start[: header_size(start)], ring, expected=_ids_of(self._key))
        except KeyRingError:
            raise
        except EncryptionError as error:
            raise DocumentUnreadable from error


def _ids_of(key: str) -> EnvelopeIds:
    """What the envelope of the object under ``key`` is bound to; an attachment's ids are random, and never these."""
    place = uuid.uuid5(_NAMESPACE, key)
    return EnvelopeIds(Vault.current_id(), place, uuid.uuid5(place, "file"))
