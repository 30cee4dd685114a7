"""Rows made anew from opened objects: people, documents, versions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Max
from django.db.models.functions import Least

from documents.encryption.recipients import digest_of_block
from documents.errors import ConfigurationError, StorageError
from documents.failpoints import failpoint
from documents.models import Attachment, AuditEvent, Document, ObjectRemoval, Payload, StagedAttachment
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import Actor
from documents.services.keys import DOCUMENTS
from documents.services.names import clean_content_type, clean_filename, clean_title
from documents.services.recovered_objects import RecoveredObject
from documents.wiring import storage_manager, storage_provider

RECOVERED = "document.recovered"
_LONGEST_USERNAME = 150
# Beyond any number of versions: where they wait while they are counted anew.
_ASIDE = 1_000_000


def keep_document(found: RecoveredObject, actor: Actor) -> bool:
    """Make the rows of one version of a document. Returns False where this database knows of it. Safe to repeat.

    An upload that waits to be confirmed is confirmed by that: in a newer database it may have been.
    """
    try:
        with transaction.atomic(durable=True):
            if is_known(found):
                return False
            StagedAttachment.objects.filter(pk=found.ids.attachment_id).delete()
            _make_rows(found, actor)
            failpoint("recover.in-transaction")
    except IntegrityError:  # another recovery was quicker
        return False
    failpoint("recover.rows-kept")
    return True


def is_known(found: RecoveredObject) -> bool:
    """Whether this database has, or had, the object: what it deleted is not brought back."""
    attachment_id = found.ids.attachment_id
    if any(kind.objects.filter(pk=attachment_id).exists() for kind in (Attachment, Payload)):
        return True
    waits = StagedAttachment.objects.filter(pk=attachment_id).exclude(state=StagedAttachment.State.DISCARDED)
    if waits.filter(state=StagedAttachment.State.STAGED).exists():
        return False
    if waits.exists():
        return waits.filter(expires_at__gt=database_now()).exists()
    removed = ObjectRemoval.objects.filter(attachment_id=attachment_id)
    return removed.exists() or AuditEvent.objects.filter(attachment_id=attachment_id).exists()


def row_of(attachment_id: UUID) -> Attachment | Payload | None:
    """Return the row that has the id of an object, or None."""
    kinds: tuple[type[Attachment | Payload], ...] = (Attachment, Payload)
    return next((row for kind in kinds if (row := kind._default_manager.filter(pk=attachment_id).first())), None)


def is_missing(row: Attachment | Payload) -> bool:
    """Whether the place that a row names says that it has no object. A store that cannot be asked says nothing."""
    try:
        return not storage_provider(row.storage_type).exists(row.storage_path)
    except (StorageError, ConfigurationError):
        return False


def point_at(found: RecoveredObject, actor: Actor) -> bool:
    """Have a row name the place where its object was found, if it is not where the row says: a migration moved it.

    Returns False where there is no such row, or nothing is wrong with it. Safe to repeat.
    """
    row = row_of(found.ids.attachment_id)
    if row is None or bytes(row.envelope_core) != found.envelope_core or not is_missing(row):
        return False
    before = {"storage_type": row.storage_type, "storage_path": row.storage_path}
    with transaction.atomic(durable=True):
        rows = type(row)._default_manager.filter(pk=row.pk, **before)
        if not rows.update(storage_type=found.storage_type, storage_path=found.key):
            return False
        audit.record("object.found", actor, attachment_id=row.pk, storage_type=found.storage_type)
    return True


def sealed_fields(found: RecoveredObject) -> dict[str, Any]:
    """What a row says of its object, and of nothing else."""
    return {
        "storage_type": found.storage_type,
        "storage_path": found.key,
        "size": found.size,
        "sealed_size": found.sealed_size,
        "digest": found.digest,
        "envelope_core": found.envelope_core,
        "key_block": found.key_block,
        "sealed_digest": found.sealed_digest,
        "kek_id": found.kek_id,
        "recipients": digest_of_block(found.key_block),
    }


def number_versions() -> None:
    """Count the versions of recovered documents in the order in which they were uploaded. Safe to repeat.

    Of the same moment are what was sealed anew and its earlier object: which was known first stays first.
    """
    recovered = AuditEvent.objects.filter(action=RECOVERED).values("document_id")
    several = Document.objects.filter(pk__in=recovered).annotate(versions=Count("attachments")).filter(versions__gt=1)
    for document in several.order_by("pk").iterator():
        with transaction.atomic(durable=True):
            versions = document.attachments.select_for_update(of=("self",)).order_by("created_at", "version")
            ids = list(versions.values_list("pk", "version"))
            if [version for _, version in ids] != list(range(1, len(ids) + 1)):
                document.attachments.update(version=F("version") + _ASIDE)
                for number, (attachment_id, _) in enumerate(ids, start=1):
                    Attachment.objects.filter(pk=attachment_id).update(version=number)
        failpoint("recover.versions-numbered")


def _make_rows(found: RecoveredObject, actor: Actor) -> None:
    metadata, at = found.metadata, found.metadata.created_at
    filename = clean_filename(metadata.filename)
    document, is_new = Document.objects.get_or_create(
        pk=found.ids.document_id,
        defaults={"owner": _owner_of(metadata.owner), "title": clean_title("", filename=filename)},
    )
    highest = document.attachments.aggregate(highest=Max("version"))["highest"] or 0
    Attachment.objects.create(
        pk=found.ids.attachment_id,
        document=document,
        version=highest + 1,
        filename=filename,
        content_type=clean_content_type(metadata.content_type),
        retain_until=_retained_until(found.key, at),
        **sealed_fields(found),
    )
    # Both columns take the present time when a row is made.
    Attachment.objects.filter(pk=found.ids.attachment_id).update(created_at=at)
    Document.objects.filter(pk=document.pk).update(created_at=at if is_new else Least("created_at", at))
    audit.record(
        RECOVERED,
        actor,
        document_id=document.pk,
        attachment_id=found.ids.attachment_id,
        size=found.size,
        storage_type=found.storage_type,
    )


def _owner_of(username: str) -> User | None:
    """The person of this name, made without a password where there is none; None for the system's documents.

    What no account can be called is nobody's: its document is the system's.
    """
    name = User.normalize_username(username)
    try:
        User.username_validator(name)
    except ValidationError:
        return None
    if len(name) > _LONGEST_USERNAME:
        return None
    found = User.objects.filter(username=name).first()
    return found or User.objects.create_user(name)


def _retained_until(key: str, at: datetime) -> datetime | None:
    """As long as any policy asks that may have put the object there: what was kept too long can still be deleted."""
    policies = [policy for policy in storage_manager().policies() if key.startswith(f"{policy.key(DOCUMENTS)}/")]
    return max((at + policy.retention for policy in policies if policy.retention), default=None)
