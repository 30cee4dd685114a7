"""Which state of a document somebody looked at, so that a change made from it overwrites nobody else's unseen."""

import hashlib
import json
from uuid import UUID

from django.contrib.auth.models import User

from documents.errors import DocumentChanged, DocumentNotFound
from documents.models import Document


def edition_of(document: Document) -> str:
    """Return the SHA-256 in hex of the title and the attributes as their row has them.

    A sealed attribute counts by its reference, of which there are no two alike: what was set again is another edition.
    """
    state = json.dumps([document.title, document.attributes], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(state.encode()).hexdigest()


def locked_document(document_id: UUID, *, owner: User | None, seen: str | None) -> Document:
    """Return the document with its row locked; call it inside a transaction.

    Raises DocumentNotFound where it is not the owner's, DocumentChanged where ``seen`` is given and is not its edition.
    """
    document = Document.objects.select_for_update(of=("self",)).filter(pk=document_id, owner=owner).first()
    if document is None:
        raise DocumentNotFound
    if seen is not None and seen != edition_of(document):
        raise DocumentChanged
    return document
