"""Every operation of a cloud provider, as a call that checks its own result: what fault tests strike at."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from documents.storage.capabilities import ConditionalCreate, OrderedListing
from documents.storage.conformance_changes import BulkDeletingProvider, ComparingProvider, CopyingProvider
from documents.storage.conformance_samples import body_of, fresh_key
from documents.storage.streaming import pieces_of

SMALL = body_of(200_000)
# Two parts.
LARGE = body_of(8 * 1024 * 1024 + 1)


class CloudProvider(ConditionalCreate, CopyingProvider, BulkDeletingProvider, ComparingProvider, Protocol):
    """What GCS and Azure have."""


@dataclass
class Case:
    """One object ``there``, seen through ``provider``, which faults strike, and ``direct``, which they do not."""

    provider: CloudProvider
    direct: CloudProvider
    there: str = field(default_factory=fresh_key)
    new: str = field(default_factory=fresh_key)
    etag: str = ""

    def prepare(self) -> "Case":
        self.direct.put_bytes(self.there, SMALL)
        self.etag = self.direct.head(self.there).etag
        return self


def put(case: Case) -> None:
    assert case.provider.put_if_absent(case.new, SMALL).size == len(SMALL)
    assert case.direct.get(case.new) == SMALL


def put_large(case: Case) -> None:
    assert case.provider.put_stream(case.new, [LARGE]).size == len(LARGE)
    assert case.direct.get(case.new) == LARGE


def get(case: Case) -> None:
    assert case.provider.get(case.there) == SMALL


def get_range(case: Case) -> None:
    assert case.provider.get_range(case.there, 1_000, 100_000) == SMALL[1_000:101_000]


def head(case: Case) -> None:
    assert case.provider.head(case.there).size == len(SMALL)


def exists(case: Case) -> None:
    assert case.provider.exists(case.there)


def delete(case: Case) -> None:
    case.provider.delete(case.there)
    assert not case.direct.exists(case.there)


def list_objects(case: Case) -> None:
    assert [info.size for info in case.provider.iter_locations(case.there)] == [len(SMALL)]


def list_in_order(case: Case) -> None:
    if isinstance(case.provider, OrderedListing):
        assert [info.key for info in case.provider.iter_locations_after(case.there, case.there[:-1])] == [case.there]
    else:
        list_objects(case)


def copy(case: Case) -> None:
    assert case.provider.copy(case.there, case.new).size == len(SMALL)
    assert case.direct.get(case.new) == SMALL


def replace(case: Case) -> None:
    assert case.provider.replace(case.there, b"another", etag=case.etag).size == 7
    assert case.direct.get(case.there) == b"another"


def delete_many(case: Case) -> None:
    for deletion in case.provider.delete_many([case.there]):
        if deletion.error is not None:
            raise deletion.error
    assert not case.direct.exists(case.there)


CALLS: tuple[Callable[[Case], None], ...] = (
    put, put_large, get, get_range, head, exists, delete, list_objects, list_in_order, copy, replace, delete_many,
)  # fmt: skip


def memory_of_a_large_object(provider: CloudProvider, size: int) -> int:
    """Write an object of ``size`` bytes, a multiple of 1 MiB, read it again, and return the most memory it took."""
    key, piece = fresh_key(), body_of(1024 * 1024)
    tracemalloc.start()
    try:
        provider.put_stream(key, (piece for _ in range(size // len(piece))))
        with provider.open(key) as reader:
            assert all(bytes(read) == piece for read in pieces_of(reader))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        provider.delete(key)
