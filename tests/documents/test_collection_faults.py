"""Faults of single objects: they are told, and do not keep the others from being cleared away."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from documents.errors import StorageAccessDenied, StorageError, StorageUnavailable
from documents.models import ObjectRemoval, Sighting
from documents.storage.base import ObjectInfo
from tests.documents.collecting import DAY, ClockedStore, collected, heard_of, let_pass, orphan_key

WEEK = 8 * DAY


class Denying(ClockedStore):
    """Keeps the first object from being looked at or copied."""

    refused: set[str]
    fault: type[StorageError] = StorageAccessDenied

    def head(self, key: str) -> ObjectInfo:
        if key in self.refused:
            raise self.fault("No", provider=self.name, key=key)
        return super().head(key)

    def exists(self, key: str) -> bool:
        return bool(key and self.head(key)) if key in self.refused else super().exists(key)


@pytest.fixture
def denying(in_memory: Callable[..., Denying]) -> Denying:
    """Twenty orphans that are due, and a fault at the first."""
    store = in_memory(Denying)
    store.refused = set()
    for number in range(20):
        store.put_bytes(orphan_key(number), b"left over")
        heard_of(orphan_key(number))
    store.grow_older(2 * DAY)
    collected()
    let_pass(DAY, store)
    store.refused = {orphan_key(0)}
    return store


def test_one_object_that_may_not_be_looked_at_does_not_keep_the_others(denying: Denying) -> None:
    report = collected()

    assert (report.trashed, report.failed, report.error) == (19, 1, "")
    assert orphan_key(0) in report.complaints[0]
    assert (collected().failed, Sighting.objects.get(storage_path=orphan_key(0)).attempts) == (1, 2)


def test_those_that_failed_come_last_next_time(denying: Denying) -> None:
    assert (collected(max_deleted=1).trashed, collected(max_deleted=1).trashed) == (0, 1)


def test_one_object_of_the_trash_does_not_keep_the_others(denying: Denying) -> None:
    denying.refused = set()
    collected()
    let_pass(WEEK, denying)
    ObjectRemoval.objects.create(storage_type="memory", storage_path=orphan_key(0), attachment_id=uuid4())
    denying.refused = {orphan_key(0)}

    report = collected()

    assert (report.purged, report.failed, report.error) == (19, 1, "")


def test_a_store_that_is_down_is_not_asked_for_every_object(denying: Denying) -> None:
    denying.fault = StorageUnavailable

    report = collected()

    assert (report.trashed, report.failed) == (0, 0)
    assert "No" in report.error
