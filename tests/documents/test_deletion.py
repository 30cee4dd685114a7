"""Deleting: gone at once for people, gone in time from the store, never lost in between."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from documents.errors import DocumentNotFound, StorageUnavailable
from documents.models import Attachment, AuditEvent, Document, ObjectRemoval
from documents.services.actors import Actor
from documents.services.deletion import FAILURES_PER_PASS, delete_document, sweep_removals
from documents.storage.base import StorageProvider
from documents.storage.memory import MemoryProvider
from tests.parallel import in_parallel


def test_a_deleted_document_leaves_no_row_and_no_object(
    store: Callable[..., Document], alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    document = store()
    key = document.current_attachment().storage_path

    delete_document(document.pk, owner=alice, actor=as_alice)

    assert not provider.exists(key)
    assert not Document.objects.exists()
    assert not Attachment.objects.exists()
    assert not ObjectRemoval.objects.exists()
    assert AuditEvent.objects.filter(action="document.deleted", document_id=document.pk).count() == 1


def test_only_the_owner_deletes(store: Callable[..., Document], bob: User, sam: User) -> None:
    document = store()

    for somebody in (bob, sam, None):
        with pytest.raises(DocumentNotFound):
            delete_document(document.pk, owner=somebody, actor=Actor(somebody, "web"))
    assert Document.objects.filter(pk=document.pk).exists()


def test_an_object_that_cannot_be_removed_now_is_removed_later(
    store: Callable[..., Document],
    alice: User,
    as_alice: Actor,
    provider: StorageProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = store()
    key = document.current_attachment().storage_path

    class Down(MemoryProvider):
        def delete(self, key: str) -> None:
            raise StorageUnavailable("down", key=key)

    with monkeypatch.context() as patch:
        patch.setattr("documents.services.deletion.storage_provider", lambda *_: Down(name="memory"))
        delete_document(document.pk, owner=alice, actor=as_alice)
        assert sweep_removals() == 0

    note = ObjectRemoval.objects.get()
    assert (note.attempts, note.last_error, note.storage_path) == (2, "storage-unavailable", key)
    assert provider.exists(key)
    assert sweep_removals() == 1
    assert not provider.exists(key)
    assert sweep_removals() == 0


def test_a_store_that_is_down_is_not_asked_for_every_removal(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Down(MemoryProvider):
        def delete(self, key: str) -> None:
            asked.append(key)
            raise StorageUnavailable("down", key=key)

    monkeypatch.setattr("documents.services.deletion.storage_provider", lambda *_: Down(name="memory"))
    ObjectRemoval.objects.bulk_create(
        ObjectRemoval(storage_type="memory", storage_path=f"documents/{n}", attachment_id=uuid4()) for n in range(50)
    )

    assert sweep_removals() == 0
    assert len(asked) == FAILURES_PER_PASS
    sweep_removals()
    assert len(set(asked)) == 2 * FAILURES_PER_PASS, "the next pass begins with others"


@pytest.mark.django_db(transaction=True)
def test_ten_deletions_at_once_are_one(store: Callable[..., Document], alice: User, as_alice: Actor) -> None:
    document = store()

    def delete() -> bool:
        try:
            delete_document(document.pk, owner=alice, actor=as_alice)
        except DocumentNotFound:
            return False
        return True

    assert sum(in_parallel(delete)) == 1
    assert AuditEvent.objects.filter(action="document.deleted").count() == 1
