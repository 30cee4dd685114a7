"""Sealing an attachment anew: a new DEK, a new object, for whenever an old KEK's private half may be in other hands.

A rewrap leaves the body and the header's own key block as they are: whoever has the old KEK and a copy of the object
opens it for ever. Here the plaintext goes through memory into a new envelope, as an upload does, the row is pointed at
it in one transaction, and the old object is removed afterwards. The attachment gets a new id with its new object: ids
are bound into envelopes, and no two envelopes share one.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from documents.encryption.envelope import (
    MAX_HEADER_SIZE,
    MIN_HEADER_SIZE,
    PREFIX_SIZE,
    Sealer,
    claimed_key_block,
    header_size,
)
from documents.encryption.recipients import recipients_of
from documents.errors import DocumentNotFound, IntegrityMismatch, MalformedEnvelope, UploadGone
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.models import AdoptedSource, Attachment, Link, SealedObject, StagedAttachment
from documents.services import audit
from documents.services.actors import Actor
from documents.services.deletion import note_removals
from documents.services.downloads import Download
from documents.services.keys import DOCUMENTS
from documents.services.receiving import Receiving, commit_intent
from documents.services.sealing_keks import demand_current
from documents.services.sidecars import SIDECARS
from documents.storage.base import ObjectRef, StorageProvider
from documents.storage.streaming import object_checksum
from documents.wiring import storage_provider

# Seconds between two signs of life.
SIGNS_OF_LIFE = 20.0
_OWNERS_PART = ("/user_", "/system/")


def reseal(attachment: Attachment, actor: Actor, *, sign_of_life: Callable[[], None] = lambda: None) -> UUID:
    """Seal it anew, in the store where it is, and return its new id. The old object is removed by the sweeper.

    Readers in the middle of the old object have until then to finish. ``sign_of_life`` is called now and then, and ends
    it where it raises. Raises DocumentUnreadable where it does not verify, DocumentNotFound where it was deleted
    meanwhile, RetiredKek where a KEK that it would be sealed for was replaced, also while it was, StorageError,
    KeyRingError; nothing is changed then. Safe to be killed anywhere: the row names the old object or the new one, and
    the other is cleared away.
    """
    ring, provider = key_ring(), storage_provider(attachment.storage_type)
    ring.require_private_keys()
    # Opened first: what does not open, or has to wait for a key service, leaves no intent and no event.
    with Download(attachment, actor, start=0, stop=attachment.size) as download:
        staged = StagedAttachment(
            document_id=attachment.document_id,
            owner=attachment.document.owner,
            filename=attachment.filename,
            content_type=attachment.content_type,
        )
        commit_intent(staged, provider, ring, prefix=_prefix_of(attachment.storage_path))
        staged.created_at = attachment.created_at  # what META tells; the row's is the intent's
        with Resealing(staged, provider, ring, actor, limit=attachment.size) as resealing:
            resealing.replaces(attachment, sign_of_life)
            for piece in download:
                resealing.write(piece)
                resealing.stay_alive()
            resealing.finish()
    failpoint("reseal.committed")
    return staged.pk


class Resealing(Receiving):
    """Points the row at the new object once that is durable."""

    failed = "attachment.reseal-failed"

    def replaces(self, attachment: Attachment, sign_of_life: Callable[[], None]) -> None:
        """Say which attachment is sealed anew, and whom it is to tell that it goes on."""
        self._old, self._sign_of_life, self._alive_at = attachment, sign_of_life, time.monotonic()

    def stay_alive(self) -> None:
        """Give a sign of life, and keep the intent's lease, where it is time to. Raises what those raise."""
        if time.monotonic() - self._alive_at > SIGNS_OF_LIFE:
            self._alive_at = time.monotonic()
            self._sign_of_life()
        self._keep_lease()

    def finish(self) -> None:
        """Make the object durable, confirm it, and switch the row. Raises StorageError, UploadGone."""
        self._receive()

    def _stage(self, sealer: Sealer, stored: ObjectRef) -> None:
        # The only other copy is given up: what the store has is read back before.
        if object_checksum(self._provider, stored.key, meanwhile=self.stay_alive) != stored.checksum:
            raise IntegrityMismatch("What is read back differs", provider=stored.provider, key=stored.key)
        self._note_sealed(sealer, stored)
        staged, old = self.staged, self._old.pk
        keep = ("retain_until", "filename", "content_type")
        fields = [field.name for field in SealedObject._meta.get_fields() if field.name not in keep]
        with transaction.atomic(durable=True):
            # An upload may be for a KEK that was just replaced; this is done to be rid of one.
            demand_current(self._ring, grace=timedelta())
            # Locked, so that a migration that is about to point it at another store does so before or not at all.
            now = Attachment.objects.select_for_update(of=("self",)).filter(pk=old).first()
            if now is None:
                raise DocumentNotFound  # deleted, or sealed anew by somebody else
            if now.size != staged.size or not self._mine().delete()[0]:
                raise UploadGone
            note_removals([now])
            Attachment.objects.filter(pk=old).update(
                id=staged.pk, suspect_at=None, **{name: getattr(staged, name) for name in fields}
            )
            for referring in (Link, AdoptedSource):
                referring._default_manager.filter(attachment_id=old).update(attachment_id=staged.pk)
            audit.record(
                "attachment.resealed",
                self._actor,
                document_id=staged.document_id,
                attachment_id=staged.pk,
                earlier=str(old),
            )
            failpoint("reseal.in-transaction")


def is_wrapped_for(row: SealedObject, provider: StorageProvider, kek_id: bytes) -> bool:
    """Whether there is a DEK of the object wrapped for this KEK: in its header, beside it, or in the row.

    No rewrap takes away the one in the header, nor those of the KEKs in between. No key is needed. Raises
    MalformedEnvelope, UnsupportedEnvelope, StorageError.
    """
    if _names(bytes(row.key_block), kek_id) or is_wrapped_in_header(provider, row.storage_path, kek_id):
        return True
    return any(
        _names(provider.get(info.key), kek_id)
        for info in provider.iter_locations(f"{SIDECARS}{row.pk}.")
        if info.size <= MAX_HEADER_SIZE
    )


def _names(key_block: bytes, kek_id: bytes) -> bool:
    try:
        return kek_id in recipients_of(key_block)
    except MalformedEnvelope:
        return False


def is_wrapped_in_header(provider: StorageProvider, key: str, kek_id: bytes) -> bool:
    """Whether the object's own header has a stanza for the KEK. Raises as ``is_wrapped_for``."""
    return kek_id in recipients_in_header(provider, key)


def recipients_in_header(provider: StorageProvider, key: str) -> tuple[bytes, ...]:
    """The KEK ids in the object's own header, nothing of it verified. Raises as ``is_wrapped_for``."""
    header = provider.get_range(key, 0, MIN_HEADER_SIZE)
    if (size := header_size(header[:PREFIX_SIZE])) > len(header):
        header += provider.get_range(key, len(header), size - len(header))
    return recipients_of(claimed_key_block(header))


def _prefix_of(key: str) -> str:
    """The part of an object key before its owner: that of the policy it was stored under."""
    places = [key.find(part) for part in _OWNERS_PART if part in key]
    return key[: min(places)] if places else DOCUMENTS
