"""A run that copies: every row is switched, nothing is lost, and what stands in the way is told."""

from collections.abc import Callable

from django.contrib.auth.models import User

from documents.models import Attachment, Document, Payload, StagedAttachment
from documents.services.actors import Actor
from documents.services.object_storage import ObjectStorageService
from documents.services.payloads import dehydrate
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from migrations_tools.models import MigrationItem
from migrations_tools.states import RunState, SourceState
from tests.migrations_tools.moving import Stores, is_whole, outcomes, run_to

Store = Callable[..., Document]


def test_every_document_is_moved_and_reads_as_before(
    stores: Stores, store: Store, alice: User, here: StorageProvider
) -> None:
    documents = [store(f"document {number}".encode()) for number in range(7)]

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 7})
    assert {row.storage_type for row in Attachment.objects.all()} == {stores.there}
    assert all(is_whole(row) for row in Attachment.objects.all())
    service = ObjectStorageService(alice)
    assert b"".join(bytes(piece) for piece in service.retrieve(documents[3].pk)) == b"document 3"
    kept = MigrationItem.objects.filter(source_state=SourceState.KEPT)
    assert {here.exists(item.source_path) for item in kept} == {True}
    assert kept.count() == 7


def test_uploads_that_wait_and_payloads_move_too(
    stores: Stores, alice: User, as_alice: Actor, there: StorageProvider
) -> None:
    with begin_upload(owner=alice, filename="a.pdf", content_type="", actor=as_alice) as upload:
        upload.write(b"waits to be confirmed")
        upload.finish()
    dehydrate({"text": "x" * 5000}, owner=alice, attribution="test")

    run = run_to(stores.there)

    assert outcomes(run) == {"done": 2}
    staged, payload = StagedAttachment.objects.get(), Payload.objects.get()
    assert (staged.storage_type, payload.storage_type) == (stores.there, stores.there)
    assert there.exists(staged.storage_path)
    assert there.exists(payload.storage_path)
