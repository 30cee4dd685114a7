"""The directories of the local provider, entered one segment at a time so that nothing can lead outside.

Every segment is opened relative to the directory before it, and never through a symbolic link: neither a hostile key
that got past ``check_key`` nor a link planted in the tree, not even one planted in the middle of a call, reaches a file
outside the root. The root itself may be a link; it belongs to the operator.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from documents.errors import BucketNotFound, StorageAccessDenied

DIRECTORY_MODE = 0o700
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
# Directories known to be durable are remembered, up to this many, so that a put does not sync them all each time.
_REMEMBERED = 4096


class LocalTree:
    """``directory`` gives a descriptor that is closed when the block ends; OSErrors are the caller's to translate."""

    def __init__(self, root: Path, *, provider: str) -> None:
        self.root, self._provider = root, provider
        self._durable: set[tuple[int, int]] = set()
        try:
            _make_root(root)
        except OSError as error:
            raise StorageAccessDenied(
                f"The directory {root} cannot be made or opened: {error.strerror}",
                provider=provider,
                hint="Choose another, or let the vault's user write there",
            ) from error

    @contextmanager
    def directory(self, segments: list[str], *, create: bool = False) -> Iterator[int]:
        """Open the directory ``segments`` below the root. Raises FileNotFoundError where it is not there.

        With ``create`` what is missing is made, and the whole chain is durable before the block begins.
        """
        current = self._open_root()
        try:
            for segment in segments:
                below = self._enter(current, segment, create=create)
                os.close(current)
                current = below
            yield current
        finally:
            os.close(current)

    def _open_root(self) -> int:
        try:
            return os.open(self.root, _DIRECTORY)
        except FileNotFoundError as error:
            raise BucketNotFound(
                "The directory of this provider has gone", provider=self._provider, hint="Is its disk mounted?"
            ) from error

    def _enter(self, parent: int, segment: str, *, create: bool) -> int:
        try:
            below = open_directory(segment, parent=parent)
        except FileNotFoundError:
            if not create:
                raise
            with suppress(FileExistsError):
                os.mkdir(segment, DIRECTORY_MODE, dir_fd=parent)
            below = open_directory(segment, parent=parent)
        if create:
            self._make_durable(parent, below)
        return below

    def _make_durable(self, parent: int, below: int) -> None:
        """Sync the entry of a new directory, also one that another process made and may not have synced yet."""
        status = os.fstat(below)
        identity = (status.st_dev, status.st_ino)
        if identity not in self._durable:
            os.fsync(parent)
            if len(self._durable) >= _REMEMBERED:
                self._durable.clear()
            self._durable.add(identity)


def _make_root(root: Path) -> None:
    missing = [directory for directory in (root, *root.parents) if not directory.exists()]
    for directory in reversed(missing):
        directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        parent = os.open(directory.parent, _DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)


def open_directory(name: str, *, parent: int) -> int:
    """Raises OSError with ELOOP where ``name`` is a symbolic link; Linux itself says ENOTDIR there."""
    try:
        return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "A symbolic link stands in the path") from None
        raise
