"""The stores of a run, as one worker sees them: without caches, each asked once for what does not change."""

import threading
from uuid import uuid4

from documents.errors import StorageError
from documents.storage.base import StorageProvider
from documents.wiring import store_itself, stores_behind
from migrations_tools.transfer import has_sidecars

PROBES = "check/"


class Places:
    """Of one stretch of work, shared by its threads."""

    def __init__(self) -> None:
        self._with_sidecars: dict[str, bool] = {}
        self._one: dict[frozenset[str], bool] = {}
        self._lock = threading.Lock()

    def provider(self, storage_type: str) -> StorageProvider:
        """Return the store that rows call so. Raises ConfigurationError where it is not configured here."""
        return store_itself(storage_type)

    def has_sidecars(self, storage_type: str) -> bool:
        """Whether this store has newer key blocks of any object. Raises StorageError."""
        with self._lock:
            if storage_type not in self._with_sidecars:
                self._with_sidecars[storage_type] = has_sidecars(self.provider(storage_type))
            return self._with_sidecars[storage_type]

    def refuses_everything(self, storage_type: str) -> bool:
        """Whether this store does not even say that an object is not there."""
        try:
            self.provider(storage_type).exists(f"{PROBES}whether-anything-is-allowed")
        except StorageError:
            return True
        return False

    def are_one(self, one: str, other: str) -> bool:
        """Whether an object that is put into one is there in the other too: two names of a bucket, a failover's member.

        Tried, not read out of the configuration: two endpoints may lead to one store. Raises StorageError.
        """
        pair = frozenset((one, other))
        if pair not in self._one:
            self._one[pair] = one == other or any(
                _shows(behind_one, behind_other)
                for behind_one in stores_behind(one)
                for behind_other in stores_behind(other)
            )
        return self._one[pair]


def _shows(one: StorageProvider, other: StorageProvider) -> bool:
    if one.name == other.name:
        return True
    probe = f"{PROBES}{uuid4()}"
    one.put_bytes(probe, b"whether two stores are one")
    try:
        return other.exists(probe)
    finally:
        one.delete(probe)
