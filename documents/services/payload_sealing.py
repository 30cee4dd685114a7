"""One payload on its way into the store, and out of it again."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction

from documents.encryption.envelope import EnvelopeIds, Sealer
from documents.errors import (
    AuthenticationFailed,
    EncryptionError,
    IntegrityMismatch,
    KeyRingError,
    ObjectNotFound,
    PayloadReferenceInvalid,
    PayloadUnreadable,
    StorageUnavailable,
    UploadGone,
)
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.models import Payload, SealedObject, StagedAttachment, Vault
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import Actor
from documents.services.downloads import open_envelope
from documents.services.keys import PAYLOADS
from documents.services.object_reading import read_where_it_is
from documents.services.payload_plan import Body
from documents.services.payload_references import VERSION, digest_of, reference_of
from documents.services.receiving import Receiving, commit_intent
from documents.storage.base import ObjectRef, StorageProvider
from documents.wiring import storage_provider

log = structlog.get_logger(__name__)

# What META says: a payload that recovery meets without a database is known for what it is.
MEDIA_TYPES = {
    "json": "application/vnd.document-vault.payload+json",
    "raw": "application/vnd.document-vault.payload",
}


class PayloadReceiving(Receiving):
    """Turns the intent row into the payload's row. ``reference`` is there once ``finish`` returned."""

    failed = "payload.failed"

    def keep_for(self, attribution: str, content_type: str, *, kept_for: timedelta) -> None:
        """Say what the row will say: who made it, what it holds, how long it is kept without a holder."""
        self._attribution, self._content_type, self._kept_for = attribution, content_type, kept_for

    def finish(self) -> tuple[Payload, dict[str, object]]:
        """Make the object durable, confirm it, and return the row and its reference. Raises StorageError."""
        try:
            self._receive()
        except UploadGone as error:
            staged = self.staged
            raise StorageUnavailable(
                "The payload took longer than an upload may be silent", provider=staged.storage_type
            ) from error
        failpoint("payload.row-stored")
        return self.payload, self.reference

    def _stage(self, sealer: Sealer, stored: ObjectRef) -> None:
        staged = self.staged
        self._note_sealed(sealer, stored)
        self.payload = Payload(
            id=staged.id,
            group_id=staged.document_id,
            owner=staged.owner,
            attribution=self._attribution,
            schema_version=VERSION,
            due_at=database_now() + self._kept_for,
            **{field.name: getattr(staged, field.name) for field in SealedObject._meta.get_fields()},
        )
        self.reference = reference_of(self.payload, self._content_type)
        self.payload.reference_digest = digest_of(self.reference)
        with transaction.atomic(durable=True):
            if not self._mine().delete()[0]:
                raise UploadGone
            self.payload.save(force_insert=True)
            audit.record("payload.stored", self._actor, attachment_id=staged.id, size=staged.size)


def seal_payload(
    body: Body, *, group_id: UUID, owner: User | None, attribution: str, actor: Actor, kept_for: timedelta
) -> tuple[Payload, dict[str, object]]:
    """Seal and store one body; return its row and the reference to it. When it returns, the payload is durable.

    Raises StorageError, ConfigurationError or KeyRingError, and RuntimeError inside a transaction of the caller's;
    nothing is left over then.
    """
    provider, ring = storage_provider(), key_ring()
    staged = StagedAttachment(
        document_id=group_id, owner=owner, filename="payload", content_type=MEDIA_TYPES[body.content_type]
    )
    commit_intent(staged, provider, ring, prefix=PAYLOADS)
    with PayloadReceiving(staged, provider, ring, actor, limit=len(body.data)) as receiving:
        receiving.keep_for(attribution, body.content_type, kept_for=kept_for)
        receiving.write(body.data)
        return receiving.finish()


def open_payload(payload: Payload, actor: Actor) -> Body:
    """Read, verify and return what a payload holds; all of it is in memory, ``payload.size`` bytes.

    Raises PayloadUnreadable where the stored object is missing or damaged, which is audited, StorageError where the
    store does not answer, KeyRingError where this process holds no private key, PayloadReferenceInvalid where it was
    removed meanwhile.
    """
    key_ring().require_private_keys()
    try:
        return read_where_it_is(payload, partial(_read, payload))
    except KeyRingError:
        raise
    except (EncryptionError, IntegrityMismatch, ObjectNotFound) as error:
        if not Payload.objects.filter(pk=payload.pk).exists():
            raise PayloadReferenceInvalid from error
        log.exception("payload_unreadable", payload_id=str(payload.pk), key=payload.storage_path, error=str(error))
        audit.record("payload.unreadable", actor, attachment_id=payload.pk, reason=type(error).__name__)
        raise PayloadUnreadable from error


def _read(payload: Payload, provider: StorageProvider) -> Body:
    ids = EnvelopeIds(Vault.current_id(), payload.group_id, payload.pk)
    with provider.open(payload.storage_path) as reader:
        envelope = open_envelope(reader, payload, ids)
        if envelope.metadata.content_type != payload.content_type:
            raise AuthenticationFailed("The object holds something else than its row says.")
        data = b"".join(bytes(piece) for piece in envelope.open_chunks(reader, object_size=reader.info.size))
    return Body(data, "json" if payload.content_type == MEDIA_TYPES["json"] else "raw")
