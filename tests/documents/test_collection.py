"""The collector clears away what no row needs, at the second look, by way of the trash; and nothing else."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents.models import Attachment, AuditEvent, Document, ObjectRemoval, Sighting
from documents.services import references
from documents.services.actors import Actor
from documents.services.collection import collect
from documents.services.keys import (
    trash_key,
)
from documents.services.staging import sweep_uploads
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
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
)

MONTH = 30 * DAY
State = Sighting.State


def test_what_nobody_needs_goes_to_the_trash_at_the_second_look(clocked: ClockedStore, orphan: str) -> None:
    first = collected()
    let_pass(23 * HOUR, clocked)
    too_early = collected()
    let_pass(2 * HOUR, clocked)
    second = collected()

    assert (first.sighted, first.trashed) == (1, 0)
    assert (too_early.sighted, too_early.trashed) == (0, 0)
    assert (second.unreferenced, second.trashed) == (1, 1)
    assert keys_of(clocked) == []
    assert clocked.get(trash_key(orphan)) == b"left over"
    assert Sighting.objects.get().state == State.TRASHED


def test_the_trash_is_emptied_when_its_time_is_over(clocked: ClockedStore, orphan: str) -> None:
    for passing in (DAY, 6 * DAY, timedelta()):
        collected()
        let_pass(passing, clocked)
    assert clocked.exists(trash_key(orphan))
    let_pass(DAY, clocked)

    assert collected().purged == 1

    assert keys_of(clocked, "") == keys_of(clocked, "vault/")
    assert not Sighting.objects.exists()


def test_what_is_young_by_the_clock_of_the_store_is_not_even_seen(clocked: ClockedStore) -> None:
    clocked.put_bytes(ORPHAN, b"on its way to its row")
    clocked.grow_older(23 * HOUR)

    assert (collected().sighted, Sighting.objects.count()) == (0, 0)
    clocked.grow_older(2 * HOUR)
    assert collected().sighted == 1


@pytest.mark.parametrize("skew", [HOUR, -HOUR, 30 * DAY, -30 * DAY])
def test_the_clock_of_the_store_may_be_wrong(clocked: ClockedStore, skew: timedelta) -> None:
    clocked.skew = skew
    clocked.put_bytes(ORPHAN, b"x")

    assert collected().sighted == 0
    clocked.grow_older(23 * HOUR)
    assert collected().sighted == 0
    clocked.grow_older(2 * HOUR)
    assert (collected().sighted, collected().trashed) == (1, 0)
    let_pass(DAY, clocked)
    assert collected().trashed == 1


def test_documents_uploads_and_removals_keep_their_objects(
    clocked: ClockedStore, store: Callable[..., Document], alice: User, as_alice: Actor
) -> None:
    store()
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        upload.finish()
    going = begin_upload(owner=alice, filename="b", content_type="", actor=as_alice)
    clocked.put_bytes(going.staged.storage_path, b"stored, and not yet in its row")
    removal = ObjectRemoval(storage_type="memory", storage_path=ORPHAN, attachment_id=UUID(int=1))
    removal.save()
    clocked.put_bytes(ORPHAN, b"somebody deletes it")
    before = keys_of(clocked)
    clocked.grow_older(MONTH)

    for _ in range(3):
        report = collected()
        let_pass(DAY, clocked)

    assert (len(before), report.unreferenced) == (4, 0)
    assert keys_of(clocked) == before
    going.abort()


def test_a_row_that_names_another_store_keeps_its_object_here(
    clocked: ClockedStore, store: Callable[..., Document]
) -> None:
    store()
    clocked.grow_older(MONTH)
    Attachment.objects.update(storage_type="elsewhere")

    here, elsewhere = collect()

    assert here.unreferenced == 0
    assert (elsewhere.store, elsewhere.is_well, elsewhere.epoch_is_current) == ("elsewhere", False, None)
    assert "Rows name the store 'elsewhere', and it is not configured here" in elsewhere.error


def test_an_app_can_hold_objects(clocked: ClockedStore, orphan: str) -> None:
    references.register("tests", lambda keys: {orphan} & set(keys))
    try:
        assert collected().unreferenced == 0
    finally:
        references.unregister("tests")
    assert collected().unreferenced == 1


def test_what_is_needed_at_the_second_look_stays(clocked: ClockedStore, orphan: str) -> None:
    collected()
    let_pass(2 * DAY, clocked)
    ObjectRemoval.objects.create(storage_type="memory", storage_path=orphan, attachment_id=UUID(int=1))

    assert collected().forgotten == 1
    assert keys_of(clocked) == [orphan]
    assert not Sighting.objects.exists()


def test_what_is_needed_once_it_is_copied_stays(
    clocked: ClockedStore, orphan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer database may be put back while a large object is on its way."""
    collected()
    let_pass(2 * DAY, clocked)
    copy = ClockedStore.copy

    def copy_and_need(store: ClockedStore, source: str, key: str) -> object:
        ObjectRemoval.objects.create(storage_type="memory", storage_path=orphan, attachment_id=UUID(int=1))
        return copy(store, source, key)

    monkeypatch.setattr(ClockedStore, "copy", copy_and_need)

    assert collected().trashed == 0
    assert keys_of(clocked) == [orphan]


def test_what_changed_since_it_was_seen_begins_anew(clocked: ClockedStore, orphan: str) -> None:
    collected()
    clocked.delete(orphan)
    clocked.put_bytes(orphan, b"another")
    let_pass(2 * DAY, clocked)

    assert (collected().trashed, collected().trashed) == (0, 0)
    let_pass(DAY, clocked)
    assert collected().trashed == 1


def test_what_vanished_is_forgotten(clocked: ClockedStore, orphan: str) -> None:
    collected()
    clocked.delete(orphan)
    let_pass(DAY, clocked)

    assert collected().forgotten == 1
    assert not Sighting.objects.exists()


def test_what_is_needed_again_comes_back_by_itself_and_is_told(
    clocked: ClockedStore, store: Callable[..., Document]
) -> None:
    attachment = store(b"a payslip").current_attachment()
    clocked.grow_older(2 * DAY)
    forget(attachment)
    collected()
    let_pass(DAY, clocked)
    assert collected().trashed == 1
    know_again(attachment)

    report = collected()

    assert report.returned == 1
    assert clocked.head(attachment.storage_path).size == attachment.sealed_size
    assert AuditEvent.objects.filter(action="objects.collected").latest("id").detail["returned"] == 1
    let_pass(8 * DAY, clocked)
    assert collected().purged == 1, "the copy is no longer of use"
    assert keys_of(clocked, "trash/") == []
    assert clocked.exists(attachment.storage_path)


def test_an_object_this_database_never_heard_of_stays_in_the_trash(clocked: ClockedStore) -> None:
    clocked.put_bytes(ORPHAN, b"of a newer database, perhaps")
    clocked.grow_older(2 * DAY)
    for _ in range(4):
        report = collected()
        let_pass(MONTH, clocked)

    assert (report.unknown, report.purged, report.in_trash) == (1, 0, 1)
    assert keys_of(clocked, "trash/") == [trash_key(ORPHAN)]
    assert collected(purge_unknown=True).purged == 1
    assert keys_of(clocked, "trash/") == []


def test_purging_what_is_unknown_waits_for_its_time_too(clocked: ClockedStore) -> None:
    clocked.put_bytes(ORPHAN, b"x")
    clocked.grow_older(2 * DAY)
    collected()
    let_pass(DAY, clocked)

    assert collected().trashed == 1
    assert collected(purge_unknown=True).purged == 0


def test_on_the_store_of_this_profile(
    settings: Settings, provider: StorageProvider, store: Callable[..., Document], alice: User
) -> None:
    """The local disk, or S3; without waiting."""
    no_wait = replace(settings.VAULT.collection, grace=timedelta(), trash_retention=timedelta())
    settings.VAULT = replace(settings.VAULT, collection=no_wait)
    kept = store(b"a payslip").current_attachment().storage_path
    key = f"documents/user_{alice.pk}/2026/01/02/11111111-2222-4333-8444-555555555555.vlt"
    provider.put_bytes(key, b"left over")
    heard_of(key)

    deadline = time.monotonic() + 20
    while provider.exists(key) or provider.exists(trash_key(key)):
        # S3 tells the time of an object in whole seconds.
        assert time.monotonic() < deadline
        collected(storage_type=provider.name)
        sweep_uploads()

    assert provider.exists(kept)
