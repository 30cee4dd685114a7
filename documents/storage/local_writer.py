"""Writes of the local provider: nothing is visible before it is whole and on the disk."""

import os
import secrets
from contextlib import AbstractContextManager, suppress

from documents.errors import InvalidObjectKey
from documents.storage.base import Buffer, ObjectRef
from documents.storage.hashing import Digest
from documents.storage.local_errors import translated
from documents.storage.local_tree import LocalTree
from documents.storage.streaming import AbortsUnlessCommitted

FILE_MODE = 0o600
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class LocalWriter(AbortsUnlessCommitted):
    """An ``ObjectWriter`` that fills ``.<random>.part`` beside the place of the object.

    ``commit`` syncs the file, gives it its name by a hard link, which fails where the name is taken, and syncs the
    directory. A process that is killed leaves at most the ``.part`` file, which ``remove_unfinished`` removes.
    """

    def __init__(self, tree: LocalTree, key: str, *, provider: str) -> None:
        self._key, self._provider = key, provider
        *above, self._name = key.split("/")
        # The shape that keys.UNFINISHED knows: no object can have this name, and no listing shows it.
        self._unfinished = f".{secrets.token_hex(16)}.part"
        self._digest = Digest()
        self._file: int | None = None
        self._directory: int | None = None
        try:
            with self._translated():
                self._create(tree, above)
        except BaseException:
            self.abort()
            raise

    def write(self, data: Buffer) -> None:
        file, _ = self._open_descriptors()
        with memoryview(data) as view, view.cast("B") as rest:
            self._digest.update(rest)
            written = 0
            with self._translated():
                while written < len(rest):
                    written += os.write(file, rest[written:])

    def commit(self) -> ObjectRef:
        file, directory = self._open_descriptors()
        try:
            with self._translated():
                os.fsync(file)
                checksum = self._digest.checksum()
                self._publish(directory)
            return ObjectRef(self._provider, self._key, self._digest.size, checksum)
        finally:
            self.abort()

    def abort(self) -> None:
        file, directory = self._file, self._directory
        self._file = self._directory = None
        self._digest.close()
        # The file is gone after a commit; on a disk that fails it stays, for remove_unfinished.
        if file is not None:
            with suppress(OSError):
                os.unlink(self._unfinished, dir_fd=directory)
        for descriptor in (file, directory):
            if descriptor is not None:
                with suppress(OSError):
                    os.close(descriptor)

    def _publish(self, directory: int) -> None:
        os.link(self._unfinished, self._name, src_dir_fd=directory, dst_dir_fd=directory)
        try:
            os.unlink(self._unfinished, dir_fd=directory)
            os.fsync(directory)
        except OSError:
            # Not known to be durable: the caller is told that nothing was kept, so nothing may stay.
            with suppress(OSError):
                os.unlink(self._name, dir_fd=directory)
            raise

    def _create(self, tree: LocalTree, segments: list[str]) -> None:
        try:
            with tree.directory(segments, create=True) as directory:
                self._directory = os.dup(directory)
                self._file = os.open(self._unfinished, _CREATE, FILE_MODE, dir_fd=directory)
        except NotADirectoryError as error:
            raise InvalidObjectKey(
                "An object already has the name of a directory of this key", provider=self._provider, key=self._key
            ) from error

    def _open_descriptors(self) -> tuple[int, int]:
        if self._file is None or self._directory is None:
            raise ValueError(f"The writer of {self._key!r} was committed or aborted before.")
        return self._file, self._directory

    def _translated(self) -> AbstractContextManager[None]:
        return translated(provider=self._provider, key=self._key)
