"""Staged attachments after they were received: confirmed into a document, or discarded and swept."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from documents.errors import ConfigurationError, StorageError, UploadGone
from documents.failpoints import failpoint
from documents.models import Attachment, Document, SealedObject, StagedAttachment
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import SYSTEM, Actor
from documents.services.epochs import in_current_stores
from documents.services.names import clean_title
from documents.services.sidecars import delete_sidecars, sequence_in
from documents.storage.capabilities import Multipart
from documents.wiring import storage_provider, vault_config

log = structlog.get_logger(__name__)
State = StagedAttachment.State

SWEPT_PER_PASS = 500
FAILURES_PER_PASS = 5  # of one store


def keep_titles(titles: Mapping[UUID, str], *, owner: User) -> None:
    """Keep what the owner typed for staged attachments until they are confirmed. What is not there is passed over."""
    waiting = StagedAttachment.objects.filter(pk__in=titles, owner=owner, state=State.STAGED).only("pk", "title")
    with transaction.atomic():
        for staged in waiting:
            title = clean_title(titles[staged.pk], filename="")
            if title != staged.title:
                StagedAttachment.objects.filter(pk=staged.pk, state=State.STAGED).update(title=title)


def confirm_upload(staged_id: UUID, *, owner: User | None, title: str = "", actor: Actor) -> Document:
    """Make a document of a staged attachment. Rows change, no bytes move.

    Without a ``title`` it gets the one that was kept for it, or the file's name without its ending. Raises UploadGone
    where there is nothing to confirm. Confirming again, or in parallel, returns the one document.
    """
    with transaction.atomic(durable=True):
        # Locked, so that a migration points it at another store before it is read here or not at all.
        waiting = StagedAttachment.objects.select_for_update(of=("self",)).filter(owner=owner, state=State.STAGED)
        staged = waiting.filter(pk=staged_id).first()
        won = (
            staged
            and StagedAttachment.objects.filter(pk=staged_id, state=State.STAGED, expires_at__gt=Now()).delete()[0]
        )
        if staged is None or not won:
            return _confirmed_before(staged_id, owner)
        document = Document.objects.create(
            id=staged.document_id, owner=owner, title=clean_title(title or staged.title, filename=staged.filename)
        )
        sealed = {field.name: getattr(staged, field.name) for field in SealedObject._meta.get_fields()}
        attachment = Attachment.objects.create(id=staged.id, document=document, **sealed)
        audit.record(
            "document.created", actor, document_id=document.id, attachment_id=attachment.id, size=attachment.size
        )
        failpoint("confirm.in-transaction")
    failpoint("confirm.committed")
    return document


def _confirmed_before(staged_id: UUID, owner: User | None) -> Document:
    attachment = Attachment.objects.filter(pk=staged_id, document__owner=owner).select_related("document").first()
    if attachment is None:
        raise UploadGone
    return attachment.document


def discard_upload(staged_id: UUID, *, owner: User | None, actor: Actor) -> None:
    """Throw a staged attachment away. Raises UploadGone where there is none of this owner."""
    staged = StagedAttachment.objects.filter(pk=staged_id, owner=owner, state=State.STAGED).first()
    if staged is None or not discard(staged, "upload.discarded", actor):
        raise UploadGone


def discard(staged: StagedAttachment, action: str, actor: Actor, *, reason: str = "") -> bool:
    """Mark the row DISCARDED if nobody took its fence, then delete the object. Returns whether we marked it.

    The row stays for a second look by the sweeper, so a store that does not answer now loses nothing, and neither does
    a writer that was taken for dead and finishes its put after all. Raises RuntimeError inside a transaction of the
    caller's, as deleting a document does.
    """
    marked = _mark_discarded(staged, action, actor, reason=reason)
    if marked:
        delete_object_of(staged)
        failpoint("discard.object-deleted")
    return marked


def _mark_discarded(staged: StagedAttachment, action: str, actor: Actor, *, reason: str) -> bool:
    with transaction.atomic(durable=True):
        marked = (
            StagedAttachment.objects.filter(pk=staged.pk, fence=staged.fence)
            .exclude(state=State.DISCARDED)
            .update(
                state=State.DISCARDED, fence=F("fence") + 1, expires_at=database_now() + vault_config().discard_grace
            )
        )
        if marked:
            audit.record(action, actor, document_id=staged.document_id, attachment_id=staged.id, reason=reason)
    failpoint("discard.row-marked")
    return bool(marked)


class _Patience:
    """A store that is down is not asked for every row: each attempt waits for its time-outs."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()

    def delete_object_of(self, staged: StagedAttachment) -> bool:
        if self._failures[staged.storage_type] >= FAILURES_PER_PASS:
            return False
        gone = delete_object_of(staged)
        self._failures[staged.storage_type] += not gone
        return gone


def sweep_uploads() -> int:
    """Clear up behind uploads that died, expired or were discarded. Returns how many rows ended.

    Safe to run at any time, twice and in parallel: each row is taken by its fence.
    """
    due, patience = StagedAttachment.objects.filter(expires_at__lte=Now()).order_by("expires_at"), _Patience()
    ended = 0
    # In a newer database such an upload may have become a document.
    for staged in in_current_stores(due.exclude(state=State.DISCARDED))[:SWEPT_PER_PASS]:
        if _mark_discarded(staged, "upload.expired", SYSTEM, reason=staged.state):
            ended += 1
            patience.delete_object_of(staged)
            failpoint("discard.object-deleted")
    for staged in due.filter(state=State.DISCARDED)[:SWEPT_PER_PASS]:
        row = StagedAttachment.objects.filter(pk=staged.pk, state=State.DISCARDED)
        if patience.delete_object_of(staged):
            row.delete()
        else:
            row.update(expires_at=database_now() + vault_config().discard_grace)
    return ended


def stale() -> dict[str, int]:
    """Count the uploads whose time is over. Asks no store: what an older database may not end is counted too."""
    return {"uploads": StagedAttachment.objects.filter(expires_at__lte=Now()).count()}


def delete_object_of(staged: StagedAttachment) -> bool:
    """Delete what an upload left in its store, finished or not. Returns False where the store has to be asked again."""
    try:
        provider = storage_provider(staged.storage_type)
        if isinstance(provider, Multipart):
            for key, upload_id, _started in provider.iter_multiparts(staged.storage_path):
                provider.abort_multipart(key, upload_id)
        provider.delete(staged.storage_path)
        if sequence_in(bytes(staged.key_block)):
            delete_sidecars(provider, staged.pk)
    except (StorageError, ConfigurationError) as error:
        log.warning("upload_not_swept", attachment_id=str(staged.pk), key=staged.storage_path, error=str(error))
        return False
    return True
