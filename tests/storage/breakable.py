"""A provider that can be broken: for the tests of what happens then."""

from typing import Any

from documents.errors import StorageError
from documents.storage.base import Buffer, ObjectRef
from documents.storage.memory import MemoryProvider
from documents.storage.memory_streams import MemoryWriter


class Breakable(MemoryProvider):
    """Every call raises ``fault`` while there is one, and is counted."""

    fault: StorageError | None = None
    calls = 0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in {"put_bytes", "open_writer", "open", "head", "exists", "delete", "iter_locations"}:
            self.calls += 1
            if self.fault:
                raise self.fault
        return found


class Lazy(Breakable):
    """Says nothing to its store when a writer is opened, as S3 does; while ``fault`` is set, commits fail with it."""

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) if name == "open_writer" else super().__getattribute__(name)

    def open_writer(self, key: str) -> MemoryWriter:
        def put(key: str, data: Buffer) -> ObjectRef:
            return self.put_bytes(key, data)

        return MemoryWriter(key, put=put)


class Corrupting(MemoryProvider):
    """Changes what it stores."""

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        return super().put_bytes(key, b"x" + bytes(data))
