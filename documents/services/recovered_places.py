"""Rows whose objects are gone, pointed at the objects that took their place since: those that were sealed anew.

An older database names the objects of its day. Sealing anew gave a document's version another object, with its content,
its name and its date, and removed the one that the row names.
"""

from uuid import UUID

from django.db import IntegrityError, transaction

from documents.encryption.envelope import open_row
from documents.encryption.keyring import KeyRing
from documents.errors import EncryptionError, KeyRingError
from documents.failpoints import failpoint
from documents.models import AdoptedSource, Attachment, Link, StagedAttachment
from documents.services import audit
from documents.services.actors import Actor
from documents.services.names import clean_filename
from documents.services.patience import patiently
from documents.services.recovered_objects import RecoveredObject
from documents.services.recovered_rows import is_known, is_missing, sealed_fields


def take_place(found: RecoveredObject, ring: KeyRing, actor: Actor) -> bool:
    """Have the row of which ``found`` was sealed anew name it; as ever, the row takes its id and keeps its number.

    That is a row of the same document, with the same date, size and content, whose object is gone. Returns False
    where there is none, or this database knows, or knew, the object. Safe to repeat and in parallel. Raises
    KeyRingError.
    """
    old = next((row for row in _of_same_version(found, ring) if is_missing(row)), None)
    if old is None or (old.pk != found.ids.attachment_id and is_known(found)):
        return False
    try:
        with transaction.atomic(durable=True):
            if not _point(old, found, actor):
                return False
            failpoint("recover.in-transaction")
    except IntegrityError:  # another recovery was quicker
        return False
    failpoint("recover.rows-kept")
    return True


def _of_same_version(found: RecoveredObject, ring: KeyRing) -> list[Attachment]:
    """Rows that another object of the same content may have had. An older envelope sealed anew keeps the row's id."""
    same = Attachment.objects.filter(
        document_id=found.ids.document_id,
        created_at=found.metadata.created_at,
        size=found.size,
    )
    others = (row for row in same.order_by("version") if row.pk != found.ids.attachment_id or row.is_in_place)
    return [row for row in others if _has_content(row, found, ring)]


def _has_content(row: Attachment, found: RecoveredObject, ring: KeyRing) -> bool:
    """By the digest that the row keeps; where that is none, or does not open, the file name has to do."""
    if not row.is_in_place:
        try:
            opened = patiently(open_row, bytes(row.envelope_core), bytes(row.key_block), ring)
            return opened.open_digest(bytes(row.sealed_digest)).hex() == found.plaintext_digest
        except KeyRingError:
            raise
        except EncryptionError:  # for a key that is lost
            pass
    return row.filename == clean_filename(found.metadata.filename)


def _point(old: Attachment, found: RecoveredObject, actor: Actor) -> bool:
    new_id: UUID = found.ids.attachment_id
    rows = Attachment.objects.filter(pk=old.pk, storage_type=old.storage_type, storage_path=old.storage_path)
    if not rows.update(id=new_id, suspect_at=None, **sealed_fields(found)):
        return False
    # An intent that the older database has of it was carried out since.
    StagedAttachment.objects.filter(pk=new_id).delete()
    for referring in (Link, AdoptedSource):
        referring._default_manager.filter(attachment_id=old.pk).update(attachment_id=new_id)
    AdoptedSource.objects.filter(attachment_id=new_id).update(in_place=False)
    audit.record(
        "object.found",
        actor,
        document_id=found.ids.document_id,
        attachment_id=new_id,
        storage_type=found.storage_type,
        earlier=str(old.pk),
    )
    return True
