"""One pass of the collector: how much it does, on which stores, and what it says about it."""

import json
from collections.abc import Callable, Iterator

from documents.models import AuditEvent, CollectedStore, Sighting
from documents.services import references
from documents.services.collection_report import as_json, as_text
from documents.services.keys import trash_key
from documents.storage.base import ObjectInfo
from tests.documents.collecting import DAY, ORPHAN, ClockedStore, collected, keys_of, let_pass, orphan_key


def test_a_pass_is_bounded_and_goes_on_where_the_last_one_stopped(clocked: ClockedStore) -> None:
    for number in range(50):
        clocked.put_bytes(orphan_key(number), b"x")
    clocked.grow_older(2 * DAY)

    scanned = [collected(max_scanned=20).scanned for _ in range(3)]

    assert scanned == [20, 20, 10]
    assert Sighting.objects.count() == 50
    assert CollectedStore.objects.get().positions["documents/"] == ""
    let_pass(DAY, clocked)
    assert [collected(max_deleted=30).trashed for _ in range(3)] == [30, 20, 0]


def test_what_is_left_below_the_prefix_of_an_earlier_policy_is_still_collected(clocked: ClockedStore) -> None:
    collected()
    row = CollectedStore.objects.get()
    row.positions["letters/documents/"] = ""  # as a pass under that policy left it
    row.save()
    clocked.put_bytes(f"letters/{ORPHAN}", b"left over")
    clocked.put_bytes(f"others/{ORPHAN}", b"of a policy that never was")
    clocked.grow_older(2 * DAY)

    assert collected().sighted == 1
    assert Sighting.objects.get().storage_path == f"letters/{ORPHAN}"


class Shuffled(ClockedStore):
    """Lists by the ends of the keys, and cannot begin in the middle."""

    iter_locations_after = None  # type: ignore[assignment]

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        keys = [key for key in self._objects if key.startswith(prefix)]
        return (self.head(key) for key in sorted(keys, key=lambda key: key[::-1]))


def test_a_store_that_lists_in_no_order_is_read_through(in_memory: Callable[..., ClockedStore]) -> None:
    store = in_memory(Shuffled)
    for number in range(50):
        store.put_bytes(orphan_key(number), b"x")
    store.grow_older(2 * DAY)

    assert [collected(max_scanned=20).sighted for _ in range(3)] == [20, 20, 10]


class Copyless(ClockedStore):
    copy = None  # type: ignore[assignment]


def test_a_store_without_copies_of_its_own_is_served_too(in_memory: Callable[..., ClockedStore]) -> None:
    store = in_memory(Copyless)
    store.put_bytes(ORPHAN, b"left over")
    store.grow_older(2 * DAY)
    collected()
    let_pass(DAY, store)

    assert collected().trashed == 1
    assert store.get(trash_key(ORPHAN)) == b"left over"


def test_every_change_is_audited_with_its_counts_and_no_change_is_not(clocked: ClockedStore, orphan: str) -> None:
    collected()
    assert not AuditEvent.objects.filter(action="objects.collected").exists()
    let_pass(DAY, clocked)
    collected()

    [event] = AuditEvent.objects.filter(action="objects.collected")
    assert event.detail == {"storage_type": "memory", "trashed": 1, "returned": 0, "purged": 0}


def test_a_dry_run_says_what_it_would_do_and_does_nothing(clocked: ClockedStore, orphan: str) -> None:
    def state() -> list[object]:
        return [keys_of(clocked, ""), *(list(m.objects.values()) for m in (Sighting, CollectedStore, AuditEvent))]

    before = state()
    assert collected(dry_run=True).sighted == 1
    assert state() == before
    collected()
    let_pass(DAY, clocked)
    before = state()
    assert collected(dry_run=True).trashed == 1
    assert state() == before
    collected()
    let_pass(8 * DAY, clocked)
    before = state()
    assert collected(dry_run=True).purged == 1
    assert state() == before


def test_a_key_without_room_for_the_trash_is_told_and_left(clocked: ClockedStore) -> None:
    key = "documents/" + "/".join(["k" * 48] * 10)
    clocked.put_bytes(key, b"x")
    clocked.grow_older(2 * DAY)
    assert len(key) == 499
    references.register("tests", lambda _: set(), knows=lambda keys: {key} & set(keys))

    try:
        assert collected().failed == 1
    finally:
        references.unregister("tests")
    assert keys_of(clocked) == [key]


LEGACY = "documents/user_1/2025/01/02/1_passport.pdf_pdf.json"
FOREIGN = [LEGACY, "documents/report.vlt", f"payloads/{LEGACY}", f"trash/{LEGACY}", "trash/mine"]


def test_what_the_vault_did_not_make_is_counted_and_left_alone_for_ever(clocked: ClockedStore, orphan: str) -> None:
    """Documents of an older program, which are yet to be adopted, and files of another app."""
    for key in FOREIGN:
        clocked.put_bytes(key, b"{}")
    for _ in range(4):
        let_pass(30 * DAY, clocked)
        report = collected(purge_unknown=True)

    assert (report.foreign, report.scanned, report.unreferenced) == (5, 3, 0)
    assert "5 are foreign: this vault did not make them" in as_text([report], dry_run=False)
    assert json.loads(as_json([report], dry_run=False))["stores"][0]["foreign"] == 5
    assert not set(FOREIGN) - set(keys_of(clocked, ""))
    assert not clocked.exists(orphan)
    assert not Sighting.objects.exists()


def test_what_a_registered_app_knows_and_no_longer_needs_goes(clocked: ClockedStore) -> None:
    clocked.put_bytes(LEGACY, b"{}")
    references.register("tests", lambda _: set(), knows=lambda keys: {LEGACY} & set(keys))
    try:
        for _ in range(4):
            let_pass(30 * DAY, clocked)
            collected()
    finally:
        references.unregister("tests")

    assert keys_of(clocked, "") == keys_of(clocked, "vault/")


def test_what_was_seen_by_mistake_is_forgotten(clocked: ClockedStore) -> None:
    """Its app was registered at the first look, and is not at the second."""
    clocked.put_bytes(LEGACY, b"{}")
    clocked.grow_older(2 * DAY)
    references.register("tests", lambda _: set(), knows=lambda keys: {LEGACY} & set(keys))
    try:
        assert collected().sighted == 1
    finally:
        references.unregister("tests")
    let_pass(2 * DAY, clocked)

    assert collected(max_scanned=1).forgotten == 1
    assert clocked.exists(LEGACY)
