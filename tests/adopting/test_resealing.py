"""What is read in place is sealed anew: the same document and attachment, another object; the original stays."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from documents import wiring
from documents.failpoints import FailpointReached
from documents.key_rings import key_ring
from documents.models import AdoptedSource, Attachment, AuditEvent, StagedAttachment
from documents.services.actors import Actor
from documents.services.adopting.in_place import Resealing
from documents.services.adopting.opening import Original
from documents.services.collection import Wish, collect
from documents.services.deletion import delete_document
from documents.services.digests import plaintext_digest
from documents.services.keys import attachment_id_in
from documents.services.links import create_link
from documents.services.rebuilding import Rebuilding
from documents.services.staging import sweep_uploads
from documents.storage.base import StorageProvider
from tests.adopting.older import CONTENT, READER, adopt, content_of, counts_of

pytestmark = pytest.mark.django_db


def resealed(attachment: Attachment) -> Attachment:
    return Attachment.objects.get(pk=attachment.pk)


@pytest.mark.parametrize("by", ["the place", "--reseal"])
def test_the_row_gets_a_sealed_object_and_the_original_stays(
    in_place: Attachment, envelope: bytes, provider: StorageProvider, settings: Settings, by: str
) -> None:
    answer = adopt("--reseal") if by == "--reseal" else adopt(settings.VAULT.storage_type)

    assert (answer.status, counts_of(answer)) == (0, {"resealed": 1})
    now = resealed(in_place)
    assert not now.is_in_place
    assert attachment_id_in(now.storage_path) == now.pk
    assert (now.document_id, now.version, now.created_at) == (in_place.document_id, 1, in_place.created_at)
    assert content_of(now) == CONTENT
    assert plaintext_digest(now) is not None
    assert provider.get(in_place.storage_path) == envelope
    assert not AdoptedSource.objects.filter(in_place=True).exists()
    assert AuditEvent.objects.filter(action="document.resealed", attachment_id=now.pk).count() == 1
    assert not StagedAttachment.objects.exists()


def test_again_seals_nothing(in_place: Attachment, settings: Settings) -> None:
    adopt("--reseal")
    path = resealed(in_place).storage_path

    assert counts_of(adopt("--reseal")) == {}
    for options in ((), ("--in-place",)):
        answer = adopt(settings.VAULT.storage_type, *options)
        assert counts_of(answer) == {"already-adopted": 1, "left-out": 1}, "the sealed object is the vault's own"
    assert resealed(in_place).storage_path == path


def test_an_older_database_that_is_put_back_learns_of_the_sealed_object(
    in_place: Attachment, provider: StorageProvider
) -> None:
    """Its original was removed since, as whoever is satisfied does."""
    before = Attachment.objects.filter(pk=in_place.pk).values().get()
    adopt("--reseal")
    sealed = resealed(in_place)
    Attachment.objects.update(**before)
    AdoptedSource.objects.update(in_place=True)
    provider.delete(in_place.storage_path)

    report = Rebuilding([provider], key_ring(), READER).add_missing()

    assert dict(report.counts) == {"sealed anew": 1}
    now = resealed(in_place)
    assert (now.storage_path, now.is_in_place, now.version) == (sealed.storage_path, False, 1)
    assert content_of(now) == CONTENT
    assert not AdoptedSource.objects.filter(in_place=True).exists()


def test_a_dry_run_seals_nothing(in_place: Attachment) -> None:
    assert counts_of(adopt("--reseal", "--dry-run")) == {"planned": 1}
    assert resealed(in_place).is_in_place


def test_a_link_that_was_made_before_goes_on(in_place: Attachment, alice: User, as_alice: Actor) -> None:
    made = create_link(in_place.document, creator=alice, actor=as_alice)
    adopt("--reseal")

    assert b"".join(Client().get(reverse("links:open", args=[made.token]))) == CONTENT


def test_who_reads_meanwhile_reads_on(in_place: Attachment) -> None:
    """A page that was opened before has the row as it was: the original is still there."""
    adopt("--reseal")

    assert content_of(in_place) == CONTENT


def test_what_is_damaged_stays_in_place_and_is_told(
    in_place: Attachment, envelope: bytes, provider: StorageProvider
) -> None:
    provider.delete(in_place.storage_path)
    provider.put_bytes(in_place.storage_path, envelope[:-2] + b"!}")

    answer = adopt("--reseal")

    assert (answer.status, answer.told["causes"]) == (1, {"damaged": 1})
    assert resealed(in_place).is_in_place


@pytest.mark.parametrize("change", ["deleted", "moved"])
def test_a_row_that_changed_meanwhile_is_left_and_nothing_stays(
    in_place: Attachment, alice: User, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    take = Resealing.take

    def and_change(resealing: Resealing, original: Original) -> None:
        take(resealing, original)
        if change == "deleted":
            delete_document(in_place.document_id, owner=alice, actor=READER)
        else:
            Attachment.objects.update(storage_type="elsewhere")

    monkeypatch.setattr(Resealing, "take", and_change)
    answer = adopt("--reseal")

    assert answer.told["causes"] == {"document-changed": 1}
    assert {info.key for info in provider.iter_locations("documents/")} <= {in_place.storage_path}
    assert all(row.is_in_place for row in Attachment.objects.all())


FAILPOINTS = (
    *("upload.intent-committed", "upload.header-written", "upload.body-sealed", "upload.object-stored"),
    *("upload.object-confirmed", "adopt.verified", "adopt.resealing", "adopt.resealed"),
)


@pytest.mark.parametrize("name", FAILPOINTS)
def test_dying_anywhere_leaves_the_document_readable_and_the_next_run_seals_it(
    in_place: Attachment, provider: StorageProvider, settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An exception, with its clean-up, in place of a death; the crash tests kill."""
    monkeypatch.setenv("VAULT_FAILPOINT", f"{name}:raise")
    with suppress(FailpointReached):
        adopt("--reseal")
    monkeypatch.delenv("VAULT_FAILPOINT")
    assert content_of(resealed(in_place)) == CONTENT

    again = adopt("--reseal")

    assert again.status == 0
    now = resealed(in_place)
    assert (now.is_in_place, content_of(now)) == (False, CONTENT)
    StagedAttachment.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    sweep_uploads()
    assert {info.key for info in provider.iter_locations("documents/")} == {now.storage_path, in_place.storage_path}
    assert content_of(now) == CONTENT


def test_the_collector_takes_neither_the_original_nor_the_sealed_object(
    in_place: Attachment, provider: StorageProvider, settings: Settings
) -> None:
    settings.VAULT = replace(settings.VAULT, collection=replace(settings.VAULT.collection, grace=timedelta(0)))
    wiring.reset()
    for _ in range(3):
        [report] = [one for one in collect(Wish()) if one.store == provider.name]
        assert (report.error, report.sighted, report.trashed, report.foreign) == ("", 0, 0, 0), "a row needs it"
    adopt("--reseal")
    for _ in range(3):
        [report] = [one for one in collect(Wish()) if one.store == provider.name]
        assert (report.error, report.sighted, report.trashed, report.foreign) == ("", 0, 0, 1), (
            "an original, left alone"
        )

    assert provider.exists(in_place.storage_path)
    assert content_of(resealed(in_place)) == CONTENT
