"""Documents whose object is the original itself: registered, readable like any other, and sealed anew later.

Sealing anew keeps the document, the attachment, its id, number and date: the content is the same, and links, and
whoever knows the id, go on. Only the row's object changes, from the original to a sealed one, by compare-and-set.
"""

from datetime import datetime
from functools import partial
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from documents.encryption.envelope import EnvelopeIds, Sealer
from documents.errors import AlreadyAdopted, DocumentChanged, UploadGone
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.legacy.opening import pieces_of
from documents.models import AdoptedSource, Attachment, Document, SealedObject, StagedAttachment, Vault
from documents.services import audit
from documents.services.actors import Actor
from documents.services.adopting.names import Told
from documents.services.adopting.opening import Original
from documents.services.adopting.sealing import KeepOn, Sealing, keep_adopted
from documents.services.adopting.sources import Source
from documents.services.keys import DOCUMENTS
from documents.services.legacy_reading import open_in_place
from documents.services.object_reading import read_where_it_is
from documents.services.receiving import commit_intent
from documents.services.uploads import upload_limit
from documents.storage.base import ObjectRef
from documents.storage.policies import DEFAULT
from documents.wiring import storage_manager, storage_provider


def register(
    source: Source, original: Original, note: AdoptedSource, *, store: str, owner: User | None, actor: Actor
) -> Attachment:
    """Make a document whose object is the original, which has been opened and verified, and return its attachment.

    No store is written to. The row has the SHA-256 of the original: only that is read later, byte for byte.
    Raises AlreadyAdopted where another run was quicker.
    """
    attachment = Attachment(
        id=uuid4(),
        storage_type=store,
        storage_path=source.key,
        filename=original.told.filename,
        content_type=original.told.content_type,
        size=original.size,
        sealed_size=source.size,
        digest=original.digest,
        kek_id=original.kek_id,
    )
    try:
        with transaction.atomic(durable=True):
            keep_adopted(
                attachment,
                document=Document(id=uuid4(), owner=owner),
                note=note,
                made_at=original.made_at or source.modified_at,
            )
            document_id, size = attachment.document_id, attachment.size
            audit.record("document.registered", actor, document_id=document_id, attachment_id=attachment.pk, size=size)
            failpoint("adopt.registering")
    except IntegrityError as error:
        if not Attachment.objects.filter(storage_type=store, storage_path=source.key).exists():
            raise
        raise AlreadyAdopted from error
    failpoint("adopt.registered")
    return attachment


class Resealing(Sealing):
    """Ends in a row that points at the new object, if it still pointed at the original."""

    failed = "reseal.failed"
    attachment: Attachment

    def finish(self) -> None:
        """Make it durable, verify it, and switch the row. Raises DocumentChanged where it was moved or deleted."""
        self._receive()
        failpoint("adopt.resealed")

    def _ids(self) -> EnvelopeIds:
        return EnvelopeIds(Vault.current_id(), self.attachment.document_id, self.attachment.pk)

    def _made_at(self) -> datetime:
        return self.attachment.created_at

    def _stage(self, sealer: Sealer, stored: ObjectRef) -> None:
        self._verified(sealer, stored)
        staged, attachment = self.staged, self.attachment
        sealed = {field.name: getattr(staged, field.name) for field in SealedObject._meta.get_fields()}
        sealed["retain_until"] = attachment.retain_until
        same = Attachment.objects.filter(
            pk=attachment.pk,
            storage_type=attachment.storage_type,
            storage_path=attachment.storage_path,
            digest=attachment.digest,
        )
        with transaction.atomic(durable=True):
            if not self._mine().delete()[0]:
                raise UploadGone
            if not same.update(**sealed, suspect_at=None):
                raise DocumentChanged
            AdoptedSource.objects.filter(attachment=attachment).update(in_place=False)
            audit.record(
                "document.resealed",
                self._actor,
                document_id=attachment.document_id,
                attachment_id=attachment.pk,
                size=staged.size,
            )
            failpoint("adopt.resealing")

    def _is_kept(self) -> bool:
        """The attachment was there before; whether it has this object is what counts."""
        staged = StagedAttachment.objects.filter(pk=self.staged.pk).exclude(state=StagedAttachment.State.DISCARDED)
        return staged.exists() or Attachment.objects.filter(storage_path=self.staged.storage_path).exists()


def reseal(attachment: Attachment, *, actor: Actor, keep_on: KeepOn) -> None:
    """Seal a document that is read in place into the vault. The original stays as it is and where it is.

    Raises as ``open_in_place`` does, and as an upload does, and DocumentChanged where the row was moved or deleted
    meanwhile; nothing is left then. Safe to repeat after a crash at any line.
    """
    plaintext = read_where_it_is(attachment, partial(open_in_place, attachment))
    rule, document = storage_manager().policy(DEFAULT), attachment.document
    provider, ring = storage_provider(rule.store), key_ring()
    staged = StagedAttachment(
        document_id=document.pk,
        owner=document.owner,
        filename=attachment.filename,
        content_type=attachment.content_type,
    )
    # An attempt of its own has a key of its own: what an earlier one left may be deleted late.
    attempt = f"r{staged.pk.hex[:12]}"
    commit_intent(
        staged, provider, ring, prefix=rule.key(DOCUMENTS), readable_name=attempt, attachment_id=attachment.pk
    )
    original = Original(Told(attachment.filename), len(plaintext), pieces_of(plaintext), digest=attachment.digest)
    with Resealing(staged, provider, ring, actor, limit=max(upload_limit(), len(plaintext))) as resealing:
        resealing.keep_on, resealing.attachment = keep_on, attachment
        resealing.take(original)
        resealing.finish()
