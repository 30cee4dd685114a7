"""Documents, staged attachments, links and events, as one user may see them."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from documents.models import Attachment, AuditEvent, Document, Link, StagedAttachment
from documents.models.document import DocumentQuerySet


def documents_visible_to(user: User | AnonymousUser, *, title_contains: str = "") -> DocumentQuerySet:
    """Return the user's own documents with their current version's facts: nobody sees another's, staff neither.

    Each has ``filename``, ``content_type``, ``size`` and ``version`` of its current attachment.
    """
    current = Attachment.objects.filter(document=OuterRef("pk")).order_by("-version")
    rows = Document.objects.visible_to(user).annotate(
        filename=Subquery(current.values("filename")[:1]),
        content_type=Subquery(current.values("content_type")[:1]),
        size=Subquery(current.values("size")[:1]),
        version=Subquery(current.values("version")[:1]),
    )
    wanted = title_contains.replace("\0", "")  # PostgreSQL takes no NUL in a text
    return rows.filter(title__icontains=wanted) if wanted else rows


def document_visible_to(user: User | AnonymousUser, document_id: UUID) -> Document:
    """Return one document with the same facts. Raises DocumentNotFound for what is not the user's."""
    return documents_visible_to(user).get_visible_to(user, document_id)


def staged_attachments_of(user: User) -> QuerySet[StagedAttachment]:
    """Return what the user uploaded and did not confirm yet, newest first."""
    return StagedAttachment.objects.filter(
        owner=user, state=StagedAttachment.State.STAGED, expires_at__gt=Now()
    ).order_by("-created_at", "-id")


def links_of(user: User) -> QuerySet[Link]:
    """Return every link the user made, ended ones included."""
    return Link.objects.filter(created_by=user).select_related("document")


def events_of(document: Document) -> QuerySet[AuditEvent]:
    """Return what happened to a document, newest first."""
    return AuditEvent.objects.filter(document_id=document.pk).order_by("-id")


def live_links_of(document: Document) -> QuerySet[Link]:
    """Return the document's links that still give access, newest first."""
    return Link.objects.live().filter(document=document)
