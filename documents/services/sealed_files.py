"""Sealed objects without a row: for files of other apps, whose own tables keep their names.

The name is bound into the envelope, so an object that was moved to another name, or put in another's place, does not
open. The file's own name and type are sealed with it.
"""

import io
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
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
from documents.encryption.keyring import KeyRing
from documents.errors import (
    DocumentUnreadable,
    EncryptionError,
    IntegrityMismatch,
    KeyRingError,
    RangeNotSatisfiable,
    UnknownKey,
    WeakWrap,
)
from documents.key_rings import key_ring
from documents.models import Vault
from documents.services.sealing_keks import demand_current
from documents.services.sidecars import read_sidecars
from documents.storage.base import Buffer, ObjectRef, StorageProvider
from documents.storage.limits import limited

# Where the objects are under a policy's prefix: apart from the vault's own, which have rows and are collected.
FILES, FILE_ENDING = "files", ".vlt"
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
    demand_current(ring)
    metadata = Metadata(filename=filename, content_type=content_type, owner="", created_at=datetime.now(UTC))
    sealer = Sealer(ids_of_file(key), metadata, ring)

    def sealed() -> Iterator[Buffer]:
        yield sealer.header
        for chunk in limited(chunks, max_size, provider=provider.name, key=key):
            yield from sealer.update(chunk)
        yield sealer.finish()

    return provider.put_stream(key, sealed())


def plaintext_size(provider: StorageProvider, key: str) -> int:
    """Return its size in bytes without a key: what the store says, not verified. Raises ObjectNotFound."""
    with _faults_told(), provider.open(key, length=MAX_HEADER_SIZE) as reader:
        return claimed_plaintext_size(reader.read(), reader.info.size)


@contextmanager
def _faults_told() -> Iterator[None]:
    """Whatever does not verify is one answer; what the key ring lacks says something about the ring."""
    try:
        yield
    except KeyRingError:
        raise
    # RangeNotSatisfiable: there is not one byte, or fewer than the store said before.
    except (EncryptionError, IntegrityMismatch, RangeNotSatisfiable) as error:
        raise DocumentUnreadable from error


class SealedFile(io.RawIOBase):
    """The plaintext of a sealed object as a file that can be read and sought. The caller closes it.

    Header and last chunk are read and verified at the start, so that ``size`` is true: a file that was cut never looks
    like a shorter one. Raises ObjectNotFound, DocumentUnreadable for what does not verify, KeyRingError where this
    process holds no private key. Not one byte is given that did not verify. One connection to the store is open while
    it is read on, and a new one after each ``seek``.
    """

    def __init__(self, provider: StorageProvider, key: str) -> None:
        super().__init__()
        self._provider, self._key, self._position = provider, key, 0
        self._connection, self._rest = ExitStack(), memoryview(b"")
        self._pieces: Iterator[memoryview] | None = None
        with _faults_told():
            with provider.open(key, length=MAX_HEADER_SIZE) as reader:
                self._object_size, start = reader.info.size, reader.read()
            ring = key_ring()
            ring.require_private_keys()
            self._envelope = self._opened(start[: header_size(start)], ring)
            self.size = self._envelope.plaintext_size(self._object_size)
            self._verify_end()

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
            with _faults_told():
                if not self._rest:
                    self._pieces = self._pieces or self._open(self._position)
                    self._rest = next(self._pieces)
        except BaseException:
            self._leave()
            raise
        count = min(len(buffer), len(self._rest))
        memoryview(buffer)[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count

    def close(self) -> None:
        self._leave()
        super().close()

    def _opened(self, header: bytes, ring: KeyRing) -> OpenEnvelope:
        """By the header alone; where its KEKs are not the vault's any more, by a newer key block beside the file."""
        ids = ids_of_file(self._key)
        try:
            return open_header(header, ring, expected=ids)
        except (UnknownKey, WeakWrap):
            if not (beside := read_sidecars(self._provider, ids.attachment_id)):
                raise
            return open_header(header, ring, expected=ids, key_blocks=beside)

    def _verify_end(self) -> None:
        """The last chunk is opened as the last: then the object is as long as its writer made it (FORMAT.md §7.2)."""
        for _piece in self._open(max(0, self.size - 1)):
            pass
        self._leave()

    def _open(self, start: int) -> Iterator[memoryview]:
        place = self._envelope.object_range(start, self.size, self._object_size)
        reader = self._connection.enter_context(
            self._provider.open(self._key, start=place.start, length=place.stop - place.start)
        )
        return self._envelope.open_chunks(reader, object_size=self._object_size, start=start, stop=self.size)

    def _leave(self) -> None:
        self._pieces, self._rest = None, memoryview(b"")
        self._connection.close()


def ids_of_file(key: str, vault_id: uuid.UUID | None = None) -> EnvelopeIds:
    """Return what the envelope of the object under ``key`` is bound to. An attachment's ids are random, never these.

    The database is asked for the vault's id where it is not given.
    """
    place = uuid.uuid5(_NAMESPACE, key)
    return EnvelopeIds(vault_id or Vault.current_id(), place, uuid.uuid5(place, "file"))
