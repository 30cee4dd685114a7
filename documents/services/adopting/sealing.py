"""One original on its way into the vault: the steps of an upload, and before the row a full reading back."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from documents.encryption.envelope import Sealer
from documents.errors import AlreadyAdopted, EncryptionError, IntegrityMismatch, KeyRingError, UploadGone
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.models import AdoptedSource, Attachment, Document, SealedObject, StagedAttachment
from documents.services import audit
from documents.services.actors import Actor
from documents.services.adopting.opening import Original
from documents.services.downloads import open_envelope
from documents.services.keys import DOCUMENTS
from documents.services.names import UNKNOWN_TYPE, clean_title
from documents.services.patience import patiently
from documents.services.receiving import Receiving, commit_intent
from documents.services.uploads import upload_limit
from documents.storage.base import ObjectRef
from documents.storage.policies import DEFAULT
from documents.wiring import storage_manager, storage_provider, store_itself, vault_config

# Called between pieces; raises to stop.
KeepOn = Callable[[], None]


class Sealing(Receiving):
    """What adopting and sealing anew have in common: the object is read back and compared before a row is written."""

    failed = "adoption.failed"
    keep_on: KeepOn

    def take(self, original: Original) -> None:
        """Seal all of an original. Raises what reading it raises; the caller aborts then."""
        for piece in original.pieces:
            self.keep_on()
            self.write(piece)

    def _verified(self, sealer: Sealer, stored: ObjectRef) -> None:
        """Note what a row knows, then open what the store has and compare it with what was read.

        Raises IntegrityMismatch; KeyRingError where the keys, or who holds them, did not do what was asked.
        """
        self._note_sealed(sealer, stored)
        if self._read_back() != self._hash.checksum().removeprefix("sha256:"):
            raise IntegrityMismatch(
                "What was read back is not what was sealed", provider=stored.provider, key=stored.key
            )
        failpoint("adopt.verified")

    def _read_back(self) -> str:
        staged = self.staged
        try:
            return patiently(self._digest_of_stored)
        except KeyRingError:  # says nothing about what the store has
            raise
        except EncryptionError as error:
            raise IntegrityMismatch(
                "What was read back does not open", provider=staged.storage_type, key=staged.storage_path
            ) from error

    def _digest_of_stored(self) -> str:
        staged, digest = self.staged, hashlib.sha256()
        self.keep_on()
        self._keep_lease()
        # Without caches: what the store has is asked for.
        with store_itself(staged.storage_type).open(staged.storage_path) as reader:
            envelope = open_envelope(reader, staged, self._ids())
            for piece in envelope.open_chunks(reader, object_size=reader.info.size):
                self.keep_on()
                self._keep_lease()
                digest.update(piece)
        return digest.hexdigest()


class Adopting(Sealing):
    """Makes a document of its intent row, with the date of the original and a note of where it came from."""

    made_at: datetime
    note: AdoptedSource
    attachment: Attachment

    def finish(self) -> Attachment:
        """Make it durable, verify it, and return its attachment.

        Raises AlreadyAdopted where another run was quicker, and whatever an upload raises; nothing is left then.
        """
        self._receive()
        failpoint("adopt.committed")
        return self.attachment

    def _made_at(self) -> datetime:
        return self.made_at

    def _stage(self, sealer: Sealer, stored: ObjectRef) -> None:
        self._verified(sealer, stored)
        staged = self.staged
        staged.retain_until = self._retained_until()
        sealed = {field.name: getattr(staged, field.name) for field in SealedObject._meta.get_fields()}
        with transaction.atomic(durable=True):
            if not self._mine().delete()[0]:
                raise UploadGone
            self.attachment = keep_adopted(
                Attachment(id=staged.id, **sealed),
                document=Document(id=staged.document_id, owner=staged.owner),
                note=self.note,
                made_at=self.made_at,
            )
            audit.record(
                "document.adopted",
                self._actor,
                document_id=staged.document_id,
                attachment_id=staged.id,
                size=staged.size,
                source_size=self.note.size,
            )
            failpoint("adopt.in-transaction")


def keep_adopted(attachment: Attachment, *, document: Document, note: AdoptedSource, made_at: datetime) -> Attachment:
    """Save document, attachment and the note of the source. Call it in the transaction that makes them.

    Raises AlreadyAdopted where the source is noted already: the transaction is to be rolled back then.
    """
    document.title = clean_title("", filename=attachment.filename)
    document.save(force_insert=True)
    attachment.document = document
    attachment.save(force_insert=True)
    # Both say when they were made here unless told otherwise, and only afterwards.
    Document.objects.filter(pk=document.pk).update(created_at=made_at)
    Attachment.objects.filter(pk=attachment.pk).update(created_at=made_at)
    note.attachment = attachment
    try:
        with transaction.atomic():
            note.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyAdopted from error
    return attachment


def adopt(original: Original, note: AdoptedSource, *, owner: User | None, actor: Actor, keep_on: KeepOn) -> Attachment:
    """Seal an original into the vault as a new document, verified, and return its attachment.

    ``note`` is the row of its source. Raises AlreadyAdopted, StorageError, IntegrityMismatch, PolicyError, UploadError,
    KeyRingError, and what reading the original raises; nothing is left then.
    """
    rule, told = storage_manager().policy(DEFAULT), original.told
    provider, ring = storage_provider(rule.store), key_ring()
    staged = StagedAttachment(document_id=uuid4(), owner=owner, filename=told.filename, content_type=told.content_type)
    if staged.content_type != UNKNOWN_TYPE:
        rule.check_type(staged.content_type)
    readable_name = told.filename if vault_config().object_names == "readable" else ""
    commit_intent(staged, provider, ring, prefix=rule.key(DOCUMENTS), readable_name=readable_name)
    with Adopting(staged, provider, ring, actor, limit=upload_limit(), policy=rule) as adopting:
        adopting.keep_on, adopting.note = keep_on, note
        adopting.made_at = original.made_at or note.modified_at
        adopting.take(original)
        return adopting.finish()
