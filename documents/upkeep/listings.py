"""The keys of a store, as shares go through them: in the order of keys, on from where a share is."""

import heapq
import math
import time
from collections.abc import Iterator
from itertools import islice

from documents.storage.base import StorageProvider
from documents.storage.capabilities import OrderedListing
from documents.upkeep.shares import Lease

# So many keys of a store that lists in an order of its own are kept at a time. A key has at most 1,024 bytes.
CHOSEN = 20_000
# Seconds that a worker stays with such a share at most. With a listing as long that is less than a task may take
# (``CELERY_TASK_TIME_LIMIT``).
LONGEST_STAY = 240.0


class Listing:
    """One worker's way through the share that it has. Nothing is read ahead of the position for the next worker."""

    def __init__(self) -> None:
        self._lease: Lease | None = None
        self._keys: Iterator[str] = iter(())

    def following(self, lease: Lease, provider: StorageProvider, prefix: str, *, limit: int) -> list[str]:
        """Return the next keys, at most ``limit``, [] at the end. Raises LeaseLost, StorageError.

        Who lost the share, and was given it again, goes on behind the position that was written last.
        """
        if self._lease is not lease:
            self._lease, self._keys = lease, _keys_behind(lease, provider, prefix)
        return list(islice(self._keys, limit))


def _keys_behind(lease: Lease, provider: StorageProvider, prefix: str) -> Iterator[str]:
    position = lease.share.position
    if isinstance(provider, OrderedListing):
        yield from (info.key for info in provider.iter_locations_after(prefix, position))
        return
    # A store that cannot begin in the middle is read through each time, and its next keys are kept.
    while chosen := _smallest_behind(position, lease, provider, prefix):
        yield from chosen
        if len(chosen) < CHOSEN:
            return
        position = chosen[-1]


def _smallest_behind(position: str, lease: Lease, provider: StorageProvider, prefix: str) -> list[str]:
    """Read a listing through, and stay with what was found for as long: else a long one would be all that is done."""
    began = time.monotonic()
    chosen = heapq.nsmallest(CHOSEN, (key for key in _listed(lease, provider, prefix) if key > position))
    ended = time.monotonic()
    if lease.stays_until == -math.inf:  # once: what is listed again while it stays would keep it for ever
        lease.stays_until = ended + min(ended - began, LONGEST_STAY)
    return chosen


def _listed(lease: Lease, provider: StorageProvider, prefix: str) -> Iterator[str]:
    for info in provider.iter_locations(prefix):
        lease.renew()
        yield info.key
