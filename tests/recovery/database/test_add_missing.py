"""An older database put back: what it does not know comes back from the objects, what it deleted does not."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from documents.errors import OlderDatabase
from documents.models import Attachment, AuditEvent, CollectedStore, Document, StagedAttachment
from documents.services.actors import Actor
from documents.services.deletion import delete_document
from documents.services.epochs import check_current, ensure_current
from documents.services.object_storage import ObjectStorageService
from documents.services.rebuild_report import RebuildReport
from documents.services.rebuilding import Rebuilding
from documents.services.recovery_keys import opening_ring
from documents.services.staging import sweep_uploads
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from tests.conftest import Store
from tests.recovery.database.losing import forget
from tests.recovery.objects import write_key

OPERATOR = Actor(None, "command")
pytestmark = pytest.mark.django_db


@pytest.fixture
def add_missing(provider: StorageProvider, tmp_path: Path) -> "AddMissing":
    return AddMissing(provider, tmp_path)


class AddMissing:
    """Run it with the recovery key out of the safe."""

    def __init__(self, provider: StorageProvider, scratch: Path) -> None:
        self._provider, self._key = provider, write_key(scratch, "recovery")

    def __call__(self) -> RebuildReport:
        return Rebuilding([self._provider], opening_ring([self._key], []), OPERATOR).add_missing()


def test_a_document_of_the_newer_database_comes_back(
    store: Store, alice: User, add_missing: AddMissing, provider: StorageProvider
) -> None:
    kept, lost = store(b"kept"), store(b"lost", filename="lost.pdf")
    ids = {kept.pk, lost.pk}
    ensure_current(provider)
    forget(lost)
    CollectedStore.objects.update(epoch=0, written_epoch=0)
    with pytest.raises(OlderDatabase, match="recover --add-missing"):
        check_current(provider)

    report = add_missing()

    assert dict(report.counts) == {"known": 1, "added": 1}
    assert set(Document.objects.filter(owner=alice).values_list("pk", flat=True)) == ids
    found = Document.objects.get(title="lost")
    assert b"".join(bytes(piece) for piece in ObjectStorageService(alice).retrieve(found.pk)) == b"lost"
    check_current(provider)


def test_it_is_harmless_twice(store: Store, add_missing: AddMissing) -> None:
    forget(store(b"lost"))
    assert add_missing().counts["added"] == 1
    assert dict(add_missing().counts) == {"known": 1}


def test_what_was_deleted_stays_deleted(
    store: Store, alice: User, add_missing: AddMissing, provider: StorageProvider
) -> None:
    """Its object is still there: in the grace period after a migration, or put back with a backup of the objects."""
    document = store(b"deleted")
    key = Attachment.objects.get().storage_path
    sealed = provider.get(key)
    delete_document(document.pk, owner=alice, actor=OPERATOR)
    provider.put_bytes(key, sealed)

    assert dict(add_missing().counts) == {"known": 1}

    assert not Document.objects.exists()


def test_an_upload_that_was_confirmed_since_is_a_document_again(alice: User, add_missing: AddMissing) -> None:
    """To the older database it still waits, or ran out: its sweeper would delete the object."""
    upload = begin_upload(owner=alice, filename="late.pdf", content_type="application/pdf", actor=OPERATOR)
    upload.write(b"confirmed in a newer database")
    staged = upload.finish()
    StagedAttachment.objects.update(expires_at=F("expires_at") - timedelta(days=30))

    assert dict(add_missing().counts) == {"added": 1}

    assert not StagedAttachment.objects.exists()
    assert Document.objects.get().pk == staged.document_id
    assert sweep_uploads() == 0


def test_an_upload_that_was_discarded_stays_gone(
    alice: User, add_missing: AddMissing, provider: StorageProvider
) -> None:
    upload = begin_upload(owner=alice, filename="gone.pdf", content_type="application/pdf", actor=OPERATOR)
    upload.write(b"discarded")
    staged = upload.finish()
    StagedAttachment.objects.update(state=StagedAttachment.State.DISCARDED)
    assert dict(add_missing().counts) == {"known": 1}
    assert provider.exists(staged.storage_path)


def test_a_renamed_document_keeps_what_the_database_says(store: Store, bob: User, add_missing: AddMissing) -> None:
    """A version that is missing goes to the document as it is now, whoever owned it when it was uploaded."""
    document = store(b"a payslip")
    Document.objects.update(owner=bob, title="renamed")
    Attachment.objects.all().delete()
    AuditEvent.objects.all().delete()

    assert add_missing().counts["added"] == 1

    found = Document.objects.get()
    assert (found.pk, found.owner, found.title) == (document.pk, bob, "renamed")


def test_a_row_follows_its_object_to_where_a_migration_put_it(
    store: Store, alice: User, add_missing: AddMissing, provider: StorageProvider
) -> None:
    """The older database says where it was before."""
    document = store(b"moved since")
    row = Attachment.objects.get()
    moved = f"archive/{row.storage_path}"
    provider.put_bytes(moved, provider.get(row.storage_path))
    assert dict(add_missing().counts) == {"known": 1, "copies": 1}
    provider.delete(row.storage_path)

    assert dict(add_missing().counts) == {"found in another place": 1}

    assert Attachment.objects.get().storage_path == moved
    assert b"".join(bytes(piece) for piece in ObjectStorageService(alice).retrieve(document.pk)) == b"moved since"
