"""SHA-256 taken beside a write, in a thread of its own, because it is slower than sealing and than most disks."""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from documents.storage.base import Buffer

BATCH_SIZE = 1024 * 1024  # bytes
FIRST_BATCH_SIZE = 16 * 1024  # most of what a small object costs would be fresh memory for a large one
_BATCHES_IN_FLIGHT = 2


def checksum_of(data: Buffer) -> str:
    """``"sha256:" + hex`` of bytes at hand."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Digest:
    """The checksum and the count of a stream that passes by in pieces.

    ``update`` copies, so the caller may reuse its buffer at once, save ``bytes`` of a batch or more, which nobody can
    change; ``take`` never copies, so the caller must leave the buffer alone from then on. Holds at most two batches
    (1 MiB each for ``update``) beside the one being filled. A stream shorter than a batch never starts the thread.
    ``checksum`` and ``close`` both end the thread; ``close`` may be called again. Not for use by two threads at once.
    """

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._filled = 0
        # Batches are filled again and again: fresh memory for each costs as much as the copy into it.
        self._batches: list[memoryview] = []
        self._running: deque[tuple[Future[None], memoryview | None]] = deque()
        self._thread: ThreadPoolExecutor | None = None

    def update(self, data: Buffer) -> None:
        """Add bytes; the buffer may be changed at once."""
        if isinstance(data, bytes) and len(data) >= BATCH_SIZE:
            self.take(data)
            return
        with memoryview(data) as view, view.cast("B") as whole:
            self.size += len(whole)
            copied = 0
            while copied < len(whole):
                batch = self._filling()
                count = min(len(batch) - self._filled, len(whole) - copied)
                batch[self._filled : self._filled + count] = whole[copied : copied + count]
                self._filled, copied = self._filled + count, copied + count
                if self._filled == len(batch):
                    self._hand_over_filled()

    def take(self, data: Buffer) -> None:
        """Add bytes without a copy; nobody may change the buffer from now on."""
        self.size += memoryview(data).nbytes
        if self._filled:
            self._hand_over_filled()
        self._hand_over(data, batch=None)

    def checksum(self) -> str:
        """``"sha256:" + hex`` of everything so far; nothing can be added afterwards."""
        while self._running:
            self._finish_oldest()
        if self._filled:
            self._sha256.update(self._filling()[: self._filled])
            self._filled = 0
        self.close()
        return f"sha256:{self._sha256.hexdigest()}"

    def close(self) -> None:
        """End the thread; bytes that it has not reached are dropped. May be called again."""
        if self._thread:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None
        self._running.clear()
        self._batches.clear()

    def _filling(self) -> memoryview:
        """The batch that is being filled: the last of those that no thread reads. The first of a stream is small."""
        if not self._batches:
            is_first = self.size <= FIRST_BATCH_SIZE and not self._running
            self._batches.append(memoryview(bytearray(FIRST_BATCH_SIZE if is_first else BATCH_SIZE)))
        return self._batches[-1]

    def _hand_over_filled(self) -> None:
        batch, filled = self._filling(), self._filled
        self._batches.pop()
        self._filled = 0
        if len(batch) < BATCH_SIZE:  # the first of a stream, which was hashed by nobody yet
            self._sha256.update(batch[:filled])
        else:
            self._hand_over(batch[:filled], batch=batch)

    def _hand_over(self, data: Buffer, *, batch: memoryview | None) -> None:
        """Hash ``data`` in the thread; ``batch`` is the buffer of ours behind it, free again afterwards."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="digest")
        while len(self._running) >= _BATCHES_IN_FLIGHT:
            self._finish_oldest()
        self._running.append((self._thread.submit(self._sha256.update, data), batch))

    def _finish_oldest(self) -> None:
        hashed, batch = self._running.popleft()
        hashed.result()
        if batch is not None:
            # In front: the last one may be half full.
            self._batches.insert(0, batch)
