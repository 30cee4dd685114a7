"""Reads of the local provider."""

import errno
import os
import stat

from documents.errors import IntegrityMismatch
from documents.storage.base import ObjectInfo
from documents.storage.local_errors import translated
from documents.storage.streaming import ReadsByBuffer, end_of_range


class LocalReader(ReadsByBuffer):
    """An ``ObjectReader`` over a descriptor, which it owns from the start and closes on ``close``."""

    def __init__(self, file: int, info: ObjectInfo, *, start: int, length: int | None, provider: str) -> None:
        self.info = info
        self._file: int | None = file
        self._provider = provider
        self._position = start
        try:
            self._end = end_of_range(info.size, start, length, provider=provider, key=info.key)
        except BaseException:
            self.close()
            raise

    def readinto(self, buffer: bytearray | memoryview) -> int:
        if self._file is None:
            raise ValueError(f"The reader of {self.info.key!r} is closed.")
        with memoryview(buffer) as view, view.cast("B") as whole, whole[: self._end - self._position] as wanted:
            if not wanted:
                return 0
            with translated(provider=self._provider, key=self.info.key):
                count = os.preadv(self._file, [wanted], self._position)
        if not count:
            raise IntegrityMismatch(
                f"The object ends at byte {self._position:,} and had {self.info.size:,} when it was opened",
                provider=self._provider,
                key=self.info.key,
            )
        self._position += count
        return count

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)


def open_file(name: str, *, directory: int) -> tuple[int, os.stat_result]:
    """A descriptor of a regular file, which the caller closes, and its status.

    Raises FileNotFoundError for a directory or a device, and OSError with ELOOP for a symbolic link.
    """
    # O_NONBLOCK: a FIFO planted in the tree would otherwise hold the caller up for ever.
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "Not a regular file")
    except OSError:
        os.close(file)
        raise
    return file, status
