"""Objects as files below one directory of the local disk."""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from documents.errors import ObjectNotFound
from documents.storage.base import Buffer, ObjectInfo, ObjectReader, ObjectRef, ObjectWriter
from documents.storage.capabilities import Deletion
from documents.storage.keys import UNFINISHED, can_begin_a_key, check_key, is_valid_key
from documents.storage.local_errors import translated
from documents.storage.local_listing import Files, iter_files, iter_in_order
from documents.storage.local_reader import LocalReader, open_file
from documents.storage.local_tree import LocalTree
from documents.storage.local_writer import LocalWriter
from documents.storage.streaming import DerivedOperations, check_range, delete_one_by_one, pieces_of, write_all


class LocalProvider(DerivedOperations):
    """A ``StorageProvider`` with ``ConditionalCreate``, ``Copying``, ``BulkDelete``, ``OrderedListing``,
    ``UnfinishedWrites`` and ``FreeSpace``; for any number of threads and processes at once.

    ``root`` is made where it is missing, with mode 0700; files get 0600. A put is on the disk when it returns: the
    file and every new directory are synced. Directories that become empty stay, because removing one races with a
    put into it. A key cannot lie below another key: ``a`` is a file, so ``a/b`` raises InvalidObjectKey.
    """

    def __init__(self, root: Path, *, name: str = "local") -> None:
        self.name = name
        self._tree = LocalTree(root, provider=name)

    @property
    def root(self) -> Path:
        return self._tree.root

    def free_bytes(self) -> int:
        with self._translated(""):
            return shutil.disk_usage(self.root).free

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        return write_all(self.open_writer(key), [data])

    def open_writer(self, key: str) -> ObjectWriter:
        check_key(key)
        return LocalWriter(self._tree, key, provider=self.name)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        check_key(key)
        check_range(start, length, provider=self.name, key=key)
        *above, last = key.split("/")
        with self._translated(key), self._tree.directory(above) as directory:
            file, status = open_file(last, directory=directory)
        return LocalReader(file, _info(key, status), start=start, length=length, provider=self.name)

    def head(self, key: str) -> ObjectInfo:
        with self.open(key) as reader:
            return reader.info

    def delete(self, key: str) -> None:
        check_key(key)
        *above, last = key.split("/")
        with suppress(ObjectNotFound), self._translated(key), self._tree.directory(above) as directory:
            os.unlink(last, dir_fd=directory)
            os.fsync(directory)

    def copy(self, source: str, key: str) -> ObjectInfo:
        with self.open(source) as reader:
            write_all(self.open_writer(key), pieces_of(reader))
        return self.head(key)

    def delete_many(self, keys: Iterable[str]) -> Iterator[Deletion]:
        return delete_one_by_one(self, keys)

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return self._listed(prefix, lambda segments: iter_files(self._tree, segments, may_enter=_leads_to(prefix)))

    def iter_locations_after(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        return self._listed(
            prefix, lambda segments: iter_in_order(self._tree, segments, after=after, may_enter=_leads_to(prefix))
        )

    def _listed(self, prefix: str, walk: Callable[[list[str]], Files]) -> Iterator[ObjectInfo]:
        if not can_begin_a_key(prefix):
            return
        above, _, _ = prefix.rpartition("/")
        with self._translated(""), closing(walk(above.split("/") if above else [])) as files:
            for key, _, _, status in files:
                if key.startswith(prefix) and is_valid_key(key):
                    yield _info(key, status)

    def remove_unfinished(self, *, older_than: timedelta, only: Callable[[str], bool] | None = None) -> int:
        """Remove the files of writers that were killed; every write renews the age of its file."""
        before = time.time() - older_than.total_seconds()
        removed = 0
        with self._translated(""), closing(iter_files(self._tree, [], may_enter=_leads_to(""))) as files:
            for path, directory, name, status in files:
                is_old = UNFINISHED.fullmatch(name) and status.st_mtime < before
                if is_old and (only is None or only(path)):
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=directory)
                        removed += 1
        return removed

    def _translated(self, key: str) -> AbstractContextManager[None]:
        return translated(provider=self.name, key=key)


def _leads_to(prefix: str) -> Callable[[str], bool]:
    return lambda path: path.startswith(prefix) or prefix.startswith(path)


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size=status.st_size,
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        etag=f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}",
    )
