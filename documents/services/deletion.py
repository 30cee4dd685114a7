"""Deleting a document: rows first, in one transaction with a note of what to remove; objects after."""

from collections.abc import Iterable
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from documents.errors import ConfigurationError, DocumentNotFound, RetentionActive, StorageError
from documents.failpoints import failpoint
from documents.models import Attachment, Document, Link, ObjectRemoval, Payload
from documents.services import audit
from documents.services.actors import Actor
from documents.services.sidecars import delete_sidecars, sequence_in
from documents.wiring import storage_provider

log = structlog.get_logger(__name__)

REMOVED_PER_PASS = 500
FAILURES_PER_PASS = 5


def delete_document(document_id: UUID, *, owner: User | None, actor: Actor) -> None:
    """Delete a document, its versions and its links' access. Raises DocumentNotFound where it is not the owner's,
    RetentionActive while a version must be kept.

    After the commit the objects are removed; one that cannot be now is removed by the sweeper later. Raises
    RuntimeError inside a transaction of the caller's: its rollback would bring rows back whose objects have gone.
    """
    with transaction.atomic(durable=True):
        document = Document.objects.select_for_update(of=("self",)).filter(pk=document_id, owner=owner).first()
        if document is None:
            raise DocumentNotFound
        if until := document.retained_until():
            raise RetentionActive(until)
        # Locked, so that a migration that is about to point one at another store does so before or not at all.
        versions = list(document.attachments.select_for_update(of=("self",)).order_by("pk"))
        payloads = list(document.payloads.select_for_update(of=("self",)).order_by("pk"))
        removals = [*note_removals(versions), *note_removals(payloads)]
        Link.objects.filter(document=document, revoked_at=None).update(revoked_at=Now())
        audit.record("document.deleted", actor, document_id=document_id, versions=len(versions))
        document.payloads.all().delete()
        document.delete()
        failpoint("deletion.in-transaction")
    failpoint("deletion.rows-deleted")
    for removal in removals:
        remove_object(removal)


def note_removals(rows: Iterable[Attachment | Payload]) -> list[ObjectRemoval]:
    """Note what is to be removed from the stores. Call it in the transaction that deletes these rows, locked by it."""
    return ObjectRemoval.objects.bulk_create(
        ObjectRemoval(
            storage_type=row.storage_type,
            storage_path=row.storage_path,
            attachment_id=row.pk,
            with_sidecars=sequence_in(bytes(row.key_block)) > 0,
        )
        for row in rows
    )


def sweep_removals() -> int:
    """Remove objects that an earlier deletion could not. Returns how many are gone. Safe twice and in parallel."""
    due = ObjectRemoval.objects.order_by("attempts", "requested_at")[:REMOVED_PER_PASS]
    failures = removed = 0
    for removal in due:
        if remove_object(removal):
            removed += 1
        elif (failures := failures + 1) == FAILURES_PER_PASS:
            break  # a store that is down is not asked 500 times; each attempt waits for its time-outs
    return removed


def remove_object(removal: ObjectRemoval) -> bool:
    """Delete the object, then the note of it. Returns False where the store has to be asked again."""
    try:
        provider = storage_provider(removal.storage_type)
        provider.delete(removal.storage_path)
        if removal.with_sidecars:
            delete_sidecars(provider, removal.attachment_id)
    except (StorageError, ConfigurationError) as error:
        log.warning("object_not_removed", attachment_id=str(removal.attachment_id), error=str(error))
        ObjectRemoval.objects.filter(pk=removal.pk).update(attempts=F("attempts") + 1, last_error=error.code)
        return False
    failpoint("deletion.object-deleted")
    ObjectRemoval.objects.filter(pk=removal.pk).delete()
    return True
