"""A transaction of the caller's must not enclose what moves bytes: its rollback would part rows from objects."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from documents.models import Attachment, Document, StagedAttachment
from documents.services.actors import Actor
from documents.services.object_storage import ObjectStorageService
from documents.services.staging import confirm_upload, discard_upload
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = pytest.raises(RuntimeError, match="durable")


def test_deleting_inside_is_refused_and_keeps_the_object(
    store: Callable[..., Document], alice: User, provider: StorageProvider
) -> None:
    document = store()

    with REFUSED, transaction.atomic():
        ObjectStorageService(alice).delete(document.pk)

    assert provider.exists(Attachment.objects.get().storage_path)


def test_storing_inside_is_refused_before_anything_is_stored(alice: User, provider: StorageProvider) -> None:
    before = list(provider.iter_locations())

    with REFUSED, transaction.atomic():
        ObjectStorageService(alice).store([b"abc"], filename="a.txt")

    assert list(provider.iter_locations()) == before


def test_confirming_and_discarding_inside_are_refused(alice: User, as_alice: Actor, provider: StorageProvider) -> None:
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        staged = upload.finish()

    with REFUSED, transaction.atomic():
        confirm_upload(staged.pk, owner=alice, actor=as_alice)
    with REFUSED, transaction.atomic():
        discard_upload(staged.pk, owner=alice, actor=as_alice)

    assert StagedAttachment.objects.get().state == StagedAttachment.State.STAGED
    assert provider.exists(staged.storage_path)
