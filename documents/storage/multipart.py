"""The buffered multipart writer: small writes become legal parts, and a small object becomes a single put."""

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from documents.errors import IntegrityMismatch, ObjectExists, StorageError
from documents.storage.base import Buffer, ObjectInfo, ObjectRef
from documents.storage.capabilities import MultipartProvider, Part
from documents.storage.hashing import Digest, checksum_of
from documents.storage.streaming import AbortsUnlessCommitted

# The limits of S3 (Amazon S3 User Guide, "Amazon S3 multipart upload limits").
MIN_PART_SIZE = 5 * 1024 * 1024
MAX_PART_SIZE = 5 * 1024**3
MAX_PARTS = 10_000

DEFAULT_PART_SIZE = 8 * 1024 * 1024
# Parts grow with what was written so far, from 1,300 parts on; 10,000 of them then hold more than 5 TiB.
_GROWTH = 1_300
_PARTS_IN_FLIGHT = 2

logger = logging.getLogger(__name__)


def next_part_size(written: int, smallest: int) -> int:
    """The size in bytes of the next part after ``written`` bytes."""
    return min(MAX_PART_SIZE, max(smallest, written // _GROWTH))


class BufferedMultipartWriter(AbortsUnlessCommitted):
    """An ``ObjectWriter`` for any provider with ``Multipart``.

    Holds one part that fills and at most two that are being uploaded, each of ``part_size`` bytes or, beyond
    1,300 parts, of 1/1,300 of the object so far. An object of up to ``part_size`` bytes is put in one call, which the
    store itself makes conditional; for a larger one the key is checked just before it is completed. An upload that
    fails shows in a later ``write`` or in ``commit``. Its threads end with ``commit`` and ``abort``.
    """

    def __init__(self, store: MultipartProvider, key: str, *, part_size: int = DEFAULT_PART_SIZE) -> None:
        if part_size < store.min_part_size:
            raise ValueError(f"A part has at least {store.min_part_size:,} bytes, not {part_size:,}.")
        self._store, self._key, self._part_size = store, key, part_size
        self._part = bytearray()
        self._written = 0
        self._digest = Digest()
        self._upload_id: str | None = None
        self._uploads: deque[Future[Part]] = deque()
        self._parts: list[Part] = []
        self._threads: ThreadPoolExecutor | None = None
        self._ended = False

    def write(self, data: Buffer) -> None:
        self._check_open()
        with memoryview(data) as view, view.cast("B") as rest:
            taken = 0
            while taken < len(rest):
                room = next_part_size(self._written, self._part_size) - len(self._part)
                if room <= 0:
                    self._upload_part()
                    continue
                piece = rest[taken : taken + room]
                self._part += piece
                taken += len(piece)

    def commit(self) -> ObjectRef:
        self._check_open()
        try:
            if self._upload_id is None:
                self._ended = True
                return self._store.put_bytes(self._key, self._part)
            return self._complete(self._upload_id)
        except ObjectExists as error:
            error.checksum = self._digest.checksum() if self._digest.size else checksum_of(self._part)
            raise
        finally:
            self.abort()

    def abort(self) -> None:
        """Where the store does not answer, the multipart upload stays for ``remove_unfinished``, and a log tells."""
        self._digest.close()
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None
        self._uploads.clear()
        self._part = bytearray()
        if self._upload_id is not None and not self._ended:
            try:
                self._store.abort_multipart(self._key, self._upload_id)
            except StorageError as error:
                logger.warning("A multipart upload could not be aborted: %s", error)
        self._ended = True

    def _check_open(self) -> None:
        if self._ended:
            raise ValueError(f"The writer of {self._key!r} was committed or aborted before.")

    def _upload_part(self) -> None:
        if self._threads is None or self._upload_id is None:
            self._upload_id = self._store.create_multipart(self._key)
            self._threads = ThreadPoolExecutor(_PARTS_IN_FLIGHT, thread_name_prefix="part")
        while len(self._uploads) >= _PARTS_IN_FLIGHT:
            self._parts.append(self._uploads.popleft().result())
        part, self._part = self._part, bytearray()
        self._written += len(part)
        self._digest.take(part)
        number = len(self._parts) + len(self._uploads) + 1
        self._uploads.append(self._threads.submit(self._store.upload_part, self._key, self._upload_id, number, part))

    def _complete(self, upload_id: str) -> ObjectRef:
        # A part is uploaded when the first byte after it arrives, so here the last part is never empty.
        self._upload_part()
        while self._uploads:
            self._parts.append(self._uploads.popleft().result())
        checksum = self._digest.checksum()
        if self._store.exists(self._key):
            raise ObjectExists("An object with this key is there already", provider=self._store.name, key=self._key)
        info = self._store.complete_multipart(self._key, upload_id, self._parts)
        self._ended = True
        self._check_size(info)
        return ObjectRef(self._store.name, self._key, self._digest.size, checksum)

    def _check_size(self, info: ObjectInfo) -> None:
        if info.size != self._digest.size:
            self._store.delete(self._key)
            raise IntegrityMismatch(
                f"The store holds {info.size:,} bytes where {self._digest.size:,} were written",
                provider=self._store.name,
                key=self._key,
            )
