"""Giving a document another title."""

from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from documents.errors import DocumentNotFound
from documents.models import Document
from documents.services import audit
from documents.services.actors import Actor
from documents.services.names import clean_title


def rename_document(document_id: UUID, title: str, *, owner: User | None, actor: Actor) -> Document:
    """Set the title, cleaned as at the upload; an empty one becomes the file's name without its ending.

    Raises DocumentNotFound where it is not the owner's. The title that it has already changes nothing, and is not
    audited.
    """
    with transaction.atomic():
        document = Document.objects.select_for_update(of=("self",)).filter(pk=document_id, owner=owner).first()
        if document is None:
            raise DocumentNotFound
        wanted = clean_title(title, filename=document.current_attachment().filename)
        if wanted != document.title:
            document.title = wanted
            document.save(update_fields=["title", "updated_at"])
            audit.record("document.renamed", actor, document_id=document_id)
    return document
