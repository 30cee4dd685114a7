"""Losing a database, and putting back an older one."""

from django.contrib.auth.models import User

from documents.models import (
    Attachment,
    AuditEvent,
    CollectedStore,
    Document,
    Link,
    ObjectRemoval,
    Payload,
    Sighting,
    StagedAttachment,
    Vault,
)

KINDS = (Link, Attachment, Payload, Document, StagedAttachment, ObjectRemoval, Sighting, CollectedStore, AuditEvent)


def lose_database() -> None:
    """As a database is that was migrated and nothing else."""
    for kind in KINDS:
        kind.objects.all().delete()
    User.objects.all().delete()
    Vault.objects.all().delete()


def forget(document: Document) -> None:
    """The database of a day on which this document was not there yet."""
    ids = list(document.attachments.values_list("pk", flat=True))
    AuditEvent.objects.filter(document_id=document.pk).delete()
    AuditEvent.objects.filter(attachment_id__in=ids).delete()
    document.attachments.all().delete()
    document.delete()
