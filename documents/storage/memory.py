"""Objects in the memory of the process: for tests, and the model of what a provider does."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from documents.errors import ObjectExists, ObjectNotFound
from documents.storage.base import Buffer, ObjectInfo, ObjectReader, ObjectRef, ObjectWriter
from documents.storage.capabilities import Deletion, Part
from documents.storage.hashing import checksum_of
from documents.storage.keys import check_key
from documents.storage.memory_multipart import MemoryMultipart
from documents.storage.memory_streams import MemoryReader, MemoryWriter
from documents.storage.multipart import MIN_PART_SIZE
from documents.storage.streaming import DerivedOperations, delete_one_by_one, end_of_range


@dataclass(frozen=True, slots=True)
class StoredObject:
    data: bytes
    info: ObjectInfo


class MemoryProvider(DerivedOperations):
    """A ``StorageProvider`` with every capability of ``capabilities.py`` but ``Presigning``, for any number of threads.

    A test may set ``min_part_size`` low to write an object of few bytes in many parts.
    """

    def __init__(self, *, name: str = "memory", min_part_size: int = MIN_PART_SIZE) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._objects: dict[str, StoredObject] = {}
        self._multipart = MemoryMultipart(put=self._put, provider=name, min_part_size=min_part_size)

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        check_key(key)
        info = self._put(key, bytes(data))
        return ObjectRef(self.name, key, info.size, checksum_of(data))

    def open_writer(self, key: str) -> ObjectWriter:
        check_key(key)
        return MemoryWriter(key, put=self.put_bytes)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        stored = self._stored(key)
        end = end_of_range(stored.info.size, start, length, provider=self.name, key=key)
        return MemoryReader(stored.info, stored.data[start:end])

    def head(self, key: str) -> ObjectInfo:
        return self._stored(key).info

    def exists(self, key: str) -> bool:
        check_key(key)
        with self._lock:
            return key in self._objects

    def delete(self, key: str) -> None:
        check_key(key)
        with self._lock:
            self._objects.pop(key, None)

    def replace(self, key: str, data: Buffer, *, etag: str) -> ObjectInfo:
        check_key(key)
        new = _stored(key, bytes(data))
        with self._lock:
            old = self._objects.get(key)
            if old is not None and old.info.etag == etag:
                self._objects[key] = new
                return new.info
        if old is None:
            raise ObjectNotFound("There is no such object", provider=self.name, key=key)
        raise ObjectExists("The object is another by now", provider=self.name, key=key)

    def copy(self, source: str, key: str) -> ObjectInfo:
        data = self._stored(source).data
        check_key(key)
        return self._put(key, data)

    def delete_many(self, keys: Iterable[str]) -> Iterator[Deletion]:
        return delete_one_by_one(self, keys)

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return self.iter_locations_after(prefix, "")

    def iter_locations_after(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        with self._lock:
            keys = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
            found = [self._objects[key].info for key in keys]
        yield from found

    @property
    def min_part_size(self) -> int:
        return self._multipart.min_part_size

    def create_multipart(self, key: str) -> str:
        check_key(key)
        return self._multipart.create(key)

    def upload_part(self, key: str, upload_id: str, part_number: int, data: Buffer) -> Part:
        return self._multipart.upload_part(key, upload_id, part_number, data)

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        return self._multipart.list_parts(key, upload_id)

    def complete_multipart(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        return self._multipart.complete(key, upload_id, list(parts))

    def abort_multipart(self, key: str, upload_id: str) -> None:
        check_key(key)
        self._multipart.abort(upload_id)

    def iter_multiparts(self, prefix: str = "") -> Iterator[tuple[str, str, datetime]]:
        return self._multipart.iter_multiparts(prefix)

    def remove_unfinished(self, *, older_than: timedelta, only: Callable[[str], bool] | None = None) -> int:
        return self._multipart.remove_unfinished(older_than=older_than, only=only)

    def _put(self, key: str, data: bytes) -> ObjectInfo:
        stored = _stored(key, data)
        with self._lock:
            if key in self._objects:
                raise ObjectExists("An object with this key is there already", provider=self.name, key=key)
            self._objects[key] = stored
        return stored.info

    def _stored(self, key: str) -> StoredObject:
        check_key(key)
        with self._lock:
            stored = self._objects.get(key)
        if stored is None:
            raise ObjectNotFound("There is no such object", provider=self.name, key=key)
        return stored


def _stored(key: str, data: bytes) -> StoredObject:
    etag = hashlib.sha256(data).hexdigest()
    return StoredObject(data, ObjectInfo(key=key, size=len(data), modified_at=datetime.now(UTC), etag=etag))
