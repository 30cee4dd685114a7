"""Faults of single objects: they are told, and do not keep the others from being cleared away."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from documents.errors import StorageAccessDenied, StorageError, StorageUnavailable
from documents.models import ObjectRemoval, Sighting
from documents.services.collection import collect
from documents.services.collection_report import as_text
from documents.storage.base import ObjectInfo
from tests.documents.collecting import DAY, ClockedStore, collected, heard_of, let_pass, orphan_key

WEEK = 8 * DAY


class Denying(ClockedStore):
    """Keeps the first object from being looked at or copied."""

    refused: set[str]
    sizes: dict[str, int]
    fault: type[StorageError] = StorageAccessDenied

    def head(self, key: str) -> ObjectInfo:
        if key in self.refused:
            raise self.fault("No", provider=self.name, key=key)
        info = super().head(key)
        return replace(info, size=self.sizes.get(key, info.size))

    def exists(self, key: str) -> bool:
        return bool(key and self.head(key)) if key in self.refused else super().exists(key)


@pytest.fixture
def denying(in_memory: Callable[..., Denying]) -> Denying:
    """Twenty orphans that are due, and a fault at the first."""
    store = in_memory(Denying)
    store.refused, store.sizes = set(), {}
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


def test_what_is_too_large_for_a_task_waits_for_the_command(denying: Denying) -> None:
    denying.refused = set()
    Sighting.objects.filter(storage_path=orphan_key(0)).update(size=10 * 1000**3 + 1)
    denying.sizes = {orphan_key(0): 10 * 1000**3 + 1}

    [report] = collect()

    assert (report.trashed, report.too_large, report.is_well) == (19, 1, True)
    assert "1 are too large for the time of a task. `manage.py collect_garbage` has" in as_text([report], dry_run=False)
    assert collected().trashed == 1, "by hand there is no limit"


def test_what_is_too_large_comes_back_by_the_command(denying: Denying) -> None:
    denying.refused = set()
    collected()
    ObjectRemoval.objects.create(storage_type="memory", storage_path=orphan_key(0), attachment_id=uuid4())
    Sighting.objects.filter(storage_path=orphan_key(0)).update(size=10 * 1000**3 + 1)

    [report] = collect()

    assert (report.returned, report.too_large) == (0, 1)
    assert collected().returned == 1
