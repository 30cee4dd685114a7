"""Dying, racing and lying: whatever happens inside a pass, what is needed is there, and the rest goes in the end."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from documents.errors import StorageFull, StorageUnavailable
from documents.failpoints import NAMES, FailpointReached
from documents.models import AuditEvent, Document, Sighting
from documents.services.collection import collect
from documents.services.keys import trash_key
from documents.storage.base import ObjectInfo
from tests.documents.collecting import (
    DAY,
    HOUR,
    ORPHAN,
    ClockedStore,
    collected,
    forget,
    heard_of,
    keys_of,
    know_again,
    let_pass,
    orphan_key,
)
from tests.parallel import in_parallel

FAILPOINTS = [name for name in NAMES if name.startswith("collect.")]
WEEK = 8 * DAY


@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_collector_that_dies_anywhere_loses_nothing_and_leaves_nothing(
    clocked: ClockedStore, store: Callable[..., Document], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    died: list[str] = []

    def collect_and_die_once() -> None:
        with suppress(FailpointReached):
            collected()
            return
        died.append(name)
        monkeypatch.delenv("VAULT_FAILPOINT")
        collected()

    needed = store(b"a payslip").current_attachment()
    clocked.put_bytes(ORPHAN, b"left over")
    heard_of(ORPHAN)
    clocked.grow_older(2 * DAY)
    monkeypatch.setenv("VAULT_FAILPOINT", f"{name}:raise")
    forget(needed)
    for passing in (timedelta(), DAY, DAY):
        let_pass(passing, clocked)
        collect_and_die_once()
    assert clocked.exists(trash_key(needed.storage_path))
    know_again(needed)
    collect_and_die_once()
    assert clocked.exists(needed.storage_path)
    for _ in range(4):
        let_pass(WEEK, clocked)
        collect_and_die_once()

    assert died == [name]
    assert keys_of(clocked) == [needed.storage_path]
    assert keys_of(clocked, "trash/") == []
    assert not Sighting.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_ten_collectors_at_once_do_what_one_does(clocked: ClockedStore, store: Callable[..., Document]) -> None:
    needed = [store().current_attachment().storage_path for _ in range(3)]
    orphans = [orphan_key(number) for number in range(20)]
    for key in orphans:
        clocked.put_bytes(key, b"left over")
        heard_of(key)
    clocked.grow_older(2 * DAY)

    for passing in (timedelta(), DAY, timedelta(), WEEK, WEEK):
        let_pass(passing, clocked)
        reports = [report for [report] in in_parallel(collect)]
        assert {report.error for report in reports} == {""}

    assert sorted(keys_of(clocked)) == sorted(needed)
    assert keys_of(clocked, "trash/") == []
    told = AuditEvent.objects.filter(action="objects.collected").values_list("detail", flat=True)
    assert sum(detail["trashed"] for detail in told) == sum(detail["purged"] for detail in told) == 20


def test_a_deletion_that_comes_after_an_hour_takes_nothing(
    clocked: ClockedStore, store: Callable[..., Document]
) -> None:
    """A collector that was stopped between its row and its deletion, while another moved the object back."""
    needed = store(b"a payslip").current_attachment()
    forget(needed)
    clocked.grow_older(2 * DAY)
    collected()
    let_pass(DAY, clocked)
    collected()
    know_again(needed)
    assert collected().returned == 1

    clocked.delete(needed.storage_path)

    assert collected().returned == 1
    assert clocked.head(needed.storage_path).size == needed.sealed_size


class Truncating(ClockedStore):
    """Says that it copied, and kept half of it."""

    def copy(self, source: str, key: str) -> ObjectInfo:
        return self._put(key, self.get(source)[:-1])


def test_a_copy_that_is_none_keeps_the_original(in_memory: Callable[..., ClockedStore]) -> None:
    lying = in_memory(Truncating)
    lying.put_bytes(ORPHAN, b"left over")
    lying.grow_older(2 * DAY)
    collected()
    let_pass(DAY, lying)

    report = collected()

    assert (report.trashed, report.failed) == (0, 1)
    assert "is not what" in report.complaints[0]
    assert lying.get(ORPHAN) == b"left over"
    assert collected().failed == 1, "it is told again, and tried again"
    assert lying.get(ORPHAN) == b"left over"


def test_a_damaged_copy_in_the_trash_is_not_moved_back(
    clocked: ClockedStore, store: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the trash has is compared with what comes back: a store that lies then is found out as well."""
    needed = store(b"a payslip").current_attachment()
    forget(needed)
    clocked.grow_older(2 * DAY)
    collected()
    let_pass(DAY, clocked)
    collected()
    know_again(needed)
    with monkeypatch.context() as lying:
        lying.setattr(ClockedStore, "copy", Truncating.copy)
        assert collected().failed == 1
    let_pass(WEEK, clocked)

    assert (collected().purged, collected().purged) == (0, 0)
    assert clocked.exists(trash_key(needed.storage_path)), "the whole one stays until somebody has looked"


class Keeping(ClockedStore):
    """Says that it deleted, and deletes nothing but epochs."""

    def delete(self, key: str) -> None:
        if key.startswith("vault/"):
            super().delete(key)


def test_a_deletion_that_was_none_is_made_again(
    in_memory: Callable[..., ClockedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = in_memory(Keeping)
    keeping.put_bytes(ORPHAN, b"left over")
    keeping.grow_older(2 * DAY)
    collected()
    let_pass(DAY, keeping)
    collected()
    assert keeping.exists(ORPHAN)
    monkeypatch.setattr(Keeping, "delete", ClockedStore.delete)
    collected()
    assert keeping.exists(ORPHAN), "another collector may be about to delete it"
    let_pass(2 * HOUR, keeping)

    collected()

    assert keys_of(keeping) == []
    assert keeping.exists(trash_key(ORPHAN))


class Full(ClockedStore):
    def copy(self, source: str, key: str) -> ObjectInfo:  # noqa: ARG002  # the protocol's
        raise StorageFull("The disk is full", provider=self.name, key=key)


class Down(ClockedStore):
    def iter_locations(self, prefix: str = "") -> object:  # type: ignore[override]
        raise StorageUnavailable("It does not answer", provider=self.name, key=prefix)


def test_a_store_that_is_full_is_told_and_loses_nothing(in_memory: Callable[..., ClockedStore]) -> None:
    full = in_memory(Full)
    full.put_bytes(ORPHAN, b"left over")
    full.grow_older(2 * DAY)
    collected()
    let_pass(DAY, full)

    assert "The disk is full" in collected().complaints[0]
    assert keys_of(full) == [ORPHAN]


def test_a_store_that_is_down_does_not_keep_the_others(
    in_memory: Callable[..., ClockedStore], settings: Settings
) -> None:
    in_memory(Down)
    settings.VAULT.local_storage_path.mkdir()

    local, memory = collect()

    assert (local.store, local.error, local.epoch_is_current) == ("local", "", True)
    assert (memory.store, memory.epoch_is_current) == ("memory", None)
    assert "does not answer" in memory.error


def test_stores_share_what_one_pass_may_do(in_memory: Callable[..., ClockedStore], settings: Settings) -> None:
    few = replace(settings.VAULT.collection, max_scanned=20)
    settings.VAULT = replace(settings.VAULT, collection=few)
    memory = in_memory(ClockedStore)
    settings.VAULT.local_storage_path.mkdir()
    for number in range(30):
        memory.put_bytes(f"documents/{number:02}", b"x")
    memory.grow_older(2 * DAY)

    reports = collect()

    assert [report.scanned for report in reports] == [0, 20], "the empty one leaves its share to the next"
