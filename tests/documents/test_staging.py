"""Staged attachments: confirmed once, discarded wholly, swept in time, however often they are asked to."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from documents import tasks
from documents.errors import StorageUnavailable, UploadGone
from documents.models import Attachment, AuditEvent, Document, ObjectRemoval, StagedAttachment
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.staging import (
    FAILURES_PER_PASS,
    confirm_upload,
    discard,
    discard_upload,
    sweep_uploads,
)
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from documents.storage.memory import MemoryProvider
from tests.parallel import in_parallel

State = StagedAttachment.State


@pytest.fixture
def staged(alice: User, as_alice: Actor) -> StagedAttachment:
    with begin_upload(owner=alice, filename="Pay slip.pdf", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        return upload.finish()


def expire(**fields: object) -> None:
    StagedAttachment.objects.filter(**fields).update(expires_at=database_now() - timedelta(seconds=1))


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_confirming_moves_the_row_and_no_bytes(
    staged: StagedAttachment, alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    before = provider.head(staged.storage_path)

    document = confirm_upload(staged.pk, owner=alice, title="  January\n", actor=as_alice)

    attachment = document.current_attachment()
    assert (document.title, document.pk) == ("January", staged.document_id)
    assert (attachment.pk, attachment.version, attachment.digest) == (staged.pk, 1, staged.digest)
    assert provider.head(attachment.storage_path) == before
    assert not StagedAttachment.objects.exists()
    assert actions() == ["upload.staged", "document.created"]


def test_without_a_title_the_name_without_its_ending_is_the_title(
    staged: StagedAttachment, alice: User, as_alice: Actor
) -> None:
    assert confirm_upload(staged.pk, owner=alice, title=" \u202e ", actor=as_alice).title == "Pay slip"


def test_confirming_again_gives_the_one_document(staged: StagedAttachment, alice: User, as_alice: Actor) -> None:
    first = confirm_upload(staged.pk, owner=alice, title="one", actor=as_alice)
    again = confirm_upload(staged.pk, owner=alice, title="two", actor=as_alice)

    assert again == first
    assert again.title == "one"
    assert actions().count("document.created") == 1


def test_nobody_else_can_confirm_or_discard(staged: StagedAttachment, bob: User, sam: User) -> None:
    for somebody in (bob, sam):
        actor = Actor(somebody, "web")
        with pytest.raises(UploadGone):
            confirm_upload(staged.pk, owner=somebody, title="", actor=actor)
        with pytest.raises(UploadGone):
            discard_upload(staged.pk, owner=somebody, actor=actor)

    assert StagedAttachment.objects.get().state == State.STAGED


def test_an_expired_upload_cannot_be_confirmed(staged: StagedAttachment, alice: User, as_alice: Actor) -> None:
    expire(pk=staged.pk)

    with pytest.raises(UploadGone):
        confirm_upload(staged.pk, owner=alice, title="", actor=as_alice)


def test_an_upload_that_is_still_received_cannot_be_confirmed(alice: User, as_alice: Actor) -> None:
    going = begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)

    with pytest.raises(UploadGone):
        confirm_upload(going.staged.pk, owner=alice, title="", actor=as_alice)
    going.abort()


def test_discarding_deletes_the_object_at_once_and_the_row_after_a_second_look(
    staged: StagedAttachment, alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    discard_upload(staged.pk, owner=alice, actor=as_alice)

    assert not provider.exists(staged.storage_path)
    assert StagedAttachment.objects.get().state == State.DISCARDED
    sweep_uploads()
    assert StagedAttachment.objects.exists(), "the second look is not due yet"
    expire()
    sweep_uploads()
    assert not StagedAttachment.objects.exists()
    assert actions() == ["upload.staged", "upload.discarded"]


def test_the_sweeper_leaves_alone_what_is_not_due(staged: StagedAttachment, provider: StorageProvider) -> None:
    assert sweep_uploads() == 0
    assert provider.exists(staged.storage_path)


def test_the_second_look_removes_what_a_late_writer_put(
    staged: StagedAttachment, alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    discard_upload(staged.pk, owner=alice, actor=as_alice)
    provider.put_bytes(staged.storage_path, b"late")
    expire()

    sweep_uploads()

    assert not provider.exists(staged.storage_path)


def test_a_store_that_is_down_loses_no_leftover(
    staged: StagedAttachment, alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Down(MemoryProvider):
        def delete(self, key: str) -> None:
            raise StorageUnavailable("down", key=key)

    monkeypatch.setattr("documents.services.staging.storage_provider", lambda *_: Down(name="memory"))
    discard_upload(staged.pk, owner=alice, actor=as_alice)
    expire()
    sweep_uploads()

    row = StagedAttachment.objects.get()
    assert row.state == State.DISCARDED
    assert row.expires_at > database_now(), "it is asked again later, not at once"


def both_tables() -> list[object]:
    return [
        list(model.objects.order_by("pk").values())
        for model in (Document, Attachment, StagedAttachment, AuditEvent, ObjectRemoval)
    ]


@pytest.mark.parametrize("task", [tasks.sweep_uploads, tasks.sweep_unfinished, tasks.sweep_removals])
def test_a_task_delivered_again_changes_nothing(
    task: Callable[[], object], staged: StagedAttachment, alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    """Each task has something to do the first time."""
    provider.put_bytes("documents/to-remove", b"x")
    ObjectRemoval.objects.create(storage_type=provider.name, storage_path="documents/to-remove", attachment_id=uuid4())
    expire(pk=staged.pk)
    task()
    after_one = both_tables()
    for _ in range(3):
        task()

    assert both_tables() == after_one
    assert provider.exists("documents/to-remove") is (task is not tasks.sweep_removals)
    assert provider.exists(staged.storage_path) is (task is not tasks.sweep_uploads)
    provider.delete("documents/to-remove")


def test_a_row_of_a_store_that_is_no_longer_configured_stops_no_other(
    staged: StagedAttachment, alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    with begin_upload(owner=alice, filename="b", content_type="", actor=as_alice) as upload:
        other = upload.finish()
    StagedAttachment.objects.filter(pk=staged.pk).update(storage_type="elsewhere")
    StagedAttachment.objects.filter(pk=staged.pk).update(expires_at=database_now() - timedelta(hours=2))
    expire(pk=other.pk)

    assert sweep_uploads() == 1
    assert not provider.exists(other.storage_path)
    # What ended here would be deleted once the store is configured again, and may be a document by then.
    assert StagedAttachment.objects.get(pk=staged.pk).state == State.STAGED


@pytest.mark.django_db(transaction=True)
def test_ten_sweepers_at_once_end_an_upload_once(staged: StagedAttachment, provider: StorageProvider) -> None:
    expire(pk=staged.pk)

    assert sum(in_parallel(sweep_uploads)) == 1

    assert actions() == ["upload.staged", "upload.expired"]
    assert not provider.exists(staged.storage_path)


@pytest.mark.django_db(transaction=True)
def test_ten_confirmations_at_once_make_one_document(staged: StagedAttachment, alice: User, as_alice: Actor) -> None:
    documents = in_parallel(lambda: confirm_upload(staged.pk, owner=alice, title="", actor=as_alice).pk)

    assert set(documents) == {staged.document_id}
    assert Document.objects.count() == 1
    assert actions() == ["upload.staged", "document.created"]


def test_a_stale_fence_ends_nothing(staged: StagedAttachment, provider: StorageProvider) -> None:
    expire(pk=staged.pk)
    stale = StagedAttachment.objects.get()
    StagedAttachment.objects.update(fence=F("fence") + 1)

    assert not discard(stale, "upload.expired", Actor(None, "task"))
    assert provider.exists(staged.storage_path)
    assert actions() == ["upload.staged"]


def test_a_store_that_is_down_is_asked_a_few_times_and_others_are_swept(
    alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2 * FAILURES_PER_PASS + 2):
        with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
            staged = upload.finish()
        if number % 2:
            StagedAttachment.objects.filter(pk=staged.pk).update(storage_type="down")
    asked: list[str] = []
    sound = MemoryProvider(name="sound")

    class Down(MemoryProvider):
        def delete(self, key: str) -> None:
            asked.append(key)
            raise StorageUnavailable("down", key=key)

    down = Down(name="down")
    monkeypatch.setattr("documents.services.staging.storage_provider", lambda name: down if name == "down" else sound)
    monkeypatch.setattr("documents.services.epochs.stores_behind", lambda name: [down if name == "down" else sound])
    for _ in range(2):
        asked.clear()
        expire()
        sweep_uploads()
        assert len(asked) == FAILURES_PER_PASS

    assert set(StagedAttachment.objects.values_list("storage_type", flat=True)) == {"down"}
