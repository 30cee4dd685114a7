"""Giving a document another title."""

from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from documents.models import Document
from documents.services import audit
from documents.services.actors import Actor
from documents.services.editions import locked_document
from documents.services.names import clean_title


def rename_document(
    document_id: UUID, title: str, *, owner: User | None, actor: Actor, seen: str | None = None
) -> Document:
    """Set the title, cleaned as at the upload; an empty one becomes the file's name without its ending.

    Raises DocumentNotFound where it is not the owner's, and DocumentChanged where ``seen``, the edition that somebody
    looked at, is no longer its own. The title that it has already changes nothing, and is not audited.
    """
    with transaction.atomic():
        document = locked_document(document_id, owner=owner, seen=seen)
        retitle(document, title, actor)
    return document


def retitle(document: Document, title: str, actor: Actor) -> None:
    """As ``rename_document``, for a row that is locked already."""
    wanted = clean_title(title, filename=document.current_attachment().filename)
    if wanted != document.title:
        document.title = wanted
        document.save(update_fields=["title", "updated_at"])
        audit.record("document.renamed", actor, document_id=document.pk)
