"""The writer of the stores that take a large object in pieces, one after the other, and join them at the end."""

import logging
from abc import abstractmethod

from documents.errors import IntegrityMismatch, ObjectExists, StorageError
from documents.storage.base import Buffer, ObjectRef, StorageProvider
from documents.storage.hashing import Digest, checksum_of
from documents.storage.streaming import AbortsUnlessCommitted

logger = logging.getLogger(__name__)


class PartWriter(AbortsUnlessCommitted):
    """An ``ObjectWriter`` that fills one part and sends it when the first byte after it arrives.

    An object of up to one part is put in one request. Holds one part, and the digest's last two. What a store does
    differently stands in ``_next_size``, ``_send``, ``_finish`` and ``_drop``.
    """

    def __init__(self, store: StorageProvider, key: str) -> None:
        self._store, self._key = store, key
        self._part = bytearray()
        self._digest = Digest()
        self._ended = False

    @abstractmethod
    def _next_size(self) -> int:
        """The bytes of the part that fills now."""

    @abstractmethod
    def _send(self, part: bytearray) -> None:
        """Hand over a full part that is not the last. From now on nobody changes ``part``."""

    @abstractmethod
    def _finish(self, part: bytearray) -> int:
        """Hand over the last part, which is not empty, make the object visible and return the size it has there."""

    @abstractmethod
    def _drop(self) -> None:
        """Take back what was sent, if anything was, as far as the store can."""

    def write(self, data: Buffer) -> None:
        self._check_open()
        with memoryview(data) as view, view.cast("B") as rest:
            taken = 0
            while taken < len(rest):
                room = self._next_size() - len(self._part)
                if room <= 0:
                    self._send(self._take_part())
                    continue
                piece = rest[taken : taken + room]
                self._part += piece
                taken += len(piece)

    def commit(self) -> ObjectRef:
        self._check_open()
        try:
            if not self._digest.size:
                self._ended = True
                return self._store.put_bytes(self._key, self._part)
            return self._commit_parts()
        except ObjectExists as error:
            error.checksum = self._digest.checksum() if self._digest.size else checksum_of(self._part)
            raise
        finally:
            self.abort()

    def abort(self) -> None:
        """Where the store does not answer, a log tells what stays until the store itself drops it, after a week."""
        self._digest.close()
        self._part = bytearray()
        if not self._ended:
            try:
                self._drop()
            except StorageError as error:
                logger.warning("An upload could not be aborted: %s", error)
        self._ended = True

    def _check_open(self) -> None:
        if self._ended:
            raise ValueError(f"The writer of {self._key!r} was committed or aborted before.")

    def _take_part(self) -> bytearray:
        part, self._part = self._part, bytearray()
        self._digest.take(part)
        return part

    def _commit_parts(self) -> ObjectRef:
        # A part is sent when the first byte after it arrives, so here the last one is never empty.
        size = self._finish(self._take_part())
        self._ended = True
        if size != self._digest.size:
            self._store.delete(self._key)
            raise IntegrityMismatch(
                f"The store holds {size:,} bytes where {self._digest.size:,} were written",
                provider=self._store.name,
                key=self._key,
            )
        return ObjectRef(self._store.name, self._key, size, self._digest.checksum())
