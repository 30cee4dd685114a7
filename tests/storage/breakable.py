"""A provider that can be broken: for the tests of what happens then."""

from typing import Any

from documents.errors import StorageError
from documents.storage.memory import MemoryProvider


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
