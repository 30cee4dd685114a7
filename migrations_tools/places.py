"""The stores of a run, as one worker sees them: without caches, each asked seldom for what seldom changes."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from documents.errors import ObjectExists, StorageError
from documents.services.keys import CHECK_PREFIX
from documents.services.sidecars import has_sidecars
from documents.storage.base import StorageProvider
from documents.wiring import store_itself, stores_behind

# Of every worker, so that one that is killed leaves one object at the most, and the next one deletes it.
PROBE = f"{CHECK_PREFIX}whether-anything-is-taken"
# Seconds for which a store is believed to have no newer key blocks, because it had none.
BELIEVED = 20.0


class Places:
    """Of one stretch of work, shared by its threads."""

    def __init__(self) -> None:
        self._with_sidecars: dict[str, tuple[float, bool]] = {}
        self._one: dict[frozenset[str], bool] = {}
        # Whoever comes while a store is asked waits for its answer.
        self._lock = threading.Lock()

    def provider(self, storage_type: str) -> StorageProvider:
        """Return the store that rows call so. Raises ConfigurationError where it is not configured here."""
        return store_itself(storage_type)

    def has_sidecars(self, storage_type: str) -> bool:
        """Whether this store has newer key blocks of any object. Raises StorageError."""
        with self._lock:
            asked_at, found = self._with_sidecars.get(storage_type, (float("-inf"), False))
            if time.monotonic() - asked_at > BELIEVED:
                found = has_sidecars(self.provider(storage_type))
                self._with_sidecars[storage_type] = (time.monotonic(), found)
            return found

    def answers(self, storage_type: str) -> bool:
        """Whether this store says at least that an object is not there."""
        return self._is_done(storage_type, lambda store: store.exists(PROBE))

    def takes_anything(self, storage_type: str) -> bool:
        """Whether an object can be put into this store, and deleted again."""

        def put(store: StorageProvider) -> None:
            with suppress(ObjectExists):
                store.put_bytes(PROBE, b"whether anything is taken")
            store.delete(PROBE)

        return self._is_done(storage_type, put)

    def deletes_anything(self, storage_type: str) -> bool:
        """Whether this store takes it that an object is to be deleted; it is none that exists."""
        return self._is_done(storage_type, lambda store: store.delete(PROBE))

    def _is_done(self, storage_type: str, call: Callable[[StorageProvider], object]) -> bool:
        try:
            call(self.provider(storage_type))
        except StorageError:
            return False
        return True

    def are_one(self, one: str, other: str) -> bool:
        """Whether an object that is put into one is there in the other too: two names of a bucket, a failover's member.

        Tried, not read out of the configuration: two endpoints may lead to one store. Raises StorageError.
        """
        pair = frozenset((one, other))
        with self._lock:
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
    probe = f"{CHECK_PREFIX}{uuid4()}"
    with suppress(ObjectExists):  # nobody else has this key: it is ours, and its answer was lost
        one.put_bytes(probe, b"whether two stores are one")
    try:
        return other.exists(probe)
    finally:
        one.delete(probe)
