"""A writer that was taken for dead and comes back."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from documents.errors import UploadGone
from documents.models import StagedAttachment
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.staging import sweep_uploads
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider


def test_a_writer_that_outlives_the_sweeper_leaves_no_object(
    alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        for _ in range(2):  # the lease is over, then the grace
            StagedAttachment.objects.update(expires_at=database_now() - timedelta(seconds=1))
            sweep_uploads()
        assert not StagedAttachment.objects.exists()

        with pytest.raises(UploadGone):
            upload.finish()

    assert not provider.exists(upload.staged.storage_path)
