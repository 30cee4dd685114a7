"""One sealed object on its way into a store, whatever row it ends in.

The order of effects is the promise. ① The intent row is committed. ② The stream is sealed as it comes. ③ The object is
put if absent. ④ Its size is confirmed from the store. ⑤ One transaction makes the row that keeps it and adds the audit
event. Only then is it acknowledged. Whoever dies on the way leaves an intent row, and the sweeper clears up behind it.
"""

import time
from abc import ABC, abstractmethod
from datetime import datetime
from types import TracebackType
from typing import ClassVar, Self
from uuid import UUID

import filetype
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from documents.encryption.envelope import EnvelopeIds, Metadata, Sealer
from documents.encryption.keyring import KeyRing
from documents.encryption.recipients import digest_of_block
from documents.errors import IntegrityMismatch, ObjectExists, UploadGone, UploadTooLarge, VaultError
from documents.failpoints import failpoint
from documents.models import Attachment, Payload, StagedAttachment, Vault
from documents.models.clock import database_now
from documents.models.connection import release_connection
from documents.services import audit
from documents.services.actors import Actor
from documents.services.keys import object_key
from documents.services.names import UNKNOWN_TYPE
from documents.services.sealing_keks import demand_current
from documents.services.staging import delete_object_of, discard
from documents.storage.base import Buffer, ObjectRef, ObjectWriter, StorageProvider
from documents.storage.hashing import Digest
from documents.storage.policies import Policy
from documents.storage.streaming import object_checksum
from documents.wiring import vault_config

# What filetype needs to recognise a document (its documentation: 261 bytes; the rest is for containers).
SNIFFED = 8192


def commit_intent(
    staged: StagedAttachment,
    provider: StorageProvider,
    ring: KeyRing,
    *,
    prefix: str,
    readable_name: str = "",
    attachment_id: UUID | None = None,
) -> None:
    """Say where the object will be, and commit the row that says so, before the first byte is stored.

    ``attachment_id`` is of the attachment whose object it becomes, where that exists: the key then has its id.

    Raises OpenOnlyKeyRing before anything is written, and RuntimeError inside a transaction of the caller's: its
    rollback would take the row that the sweeper needs to find the object.
    """
    ring.require_sealing()
    demand_current(ring)
    staged.storage_type, staged.kek_id = provider.name, ring.primary.kek_id.hex()
    staged.expires_at = database_now() + vault_config().upload_lease
    staged.storage_path = object_key(
        attachment_id or staged.id,
        owner_id=staged.owner_id,
        at=timezone.now(),
        readable_name=readable_name,
        prefix=prefix,
    )
    with transaction.atomic(durable=True):
        staged.save(force_insert=True)
    failpoint("upload.intent-committed")


class Receiving(ABC):
    """Push plaintext with ``write``, end with ``_receive`` or ``abort``. ``staged`` is the intent row.

    As a context manager it aborts unless it was received. Plaintext is held in one chunk's buffer and nowhere else.
    """

    # What the audit log calls the end of one that failed.
    failed: ClassVar[str]

    def __init__(
        self,
        staged: StagedAttachment,
        provider: StorageProvider,
        ring: KeyRing,
        actor: Actor,
        *,
        limit: int,
        policy: Policy | None = None,
    ) -> None:
        self.staged = staged
        self.size = 0
        self._provider, self._ring, self._actor = provider, ring, actor
        self._policy = policy or Policy("", store=provider.name)
        self._limit, self._lease = limit, vault_config().upload_lease
        self._renew_at = time.monotonic() + self._lease.total_seconds() / 3
        self._hash = Digest()
        self._envelope: tuple[Sealer, ObjectWriter] | None = None
        self._maybe_stored = False
        self._closed = False

    @abstractmethod
    def _stage(self, sealer: Sealer, stored: ObjectRef) -> None:
        """In one transaction make the row that keeps the object, if the lease is still ours, and audit it."""

    def write(self, data: Buffer) -> None:
        """Seal and store the next piece. Raises UploadTooLarge at the first byte beyond the limit, or StorageError."""
        if self.size + len(data) > self._limit:
            raise UploadTooLarge(self._limit)
        if not data:
            return
        sealer, writer = self._envelope or self._open_envelope(data)
        self._hash.update(data)
        for sealed in sealer.update(data):
            writer.write(sealed)
        self.size += len(data)
        self._keep_lease()

    def _receive(self) -> None:
        """Make the object durable, confirm it, and let ``_stage`` keep it. It is closed afterwards.

        Raises StorageError where the object could not be stored, IntegrityMismatch where the store has something
        else, UploadGone where the lease was lost; nothing is left over then.
        """
        try:
            sealer, writer = self._envelope or self._open_envelope(b"")
            writer.write(sealer.finish())
            failpoint("upload.body-sealed")
            stored = self._commit(sealer, writer)
            failpoint("upload.object-stored")
            if self._policy.acknowledge_after_durable:
                self._check_size(stored)
            failpoint("upload.object-confirmed")
            self._stage(sealer, stored)
        except BaseException as error:
            self.abort(reason=reason_of(error))
            raise
        # Acknowledgeable from here on: nothing that happens now may undo it.
        self._closed = True

    def abort(self, *, reason: str = "aborted") -> None:
        """Undo everything. May be called at any time and again; what it cannot undo is left to the sweeper."""
        if self._closed:
            return
        self._closed = True
        self._hash.close()
        if self._envelope:
            self._envelope[1].abort()
        if self._maybe_stored:
            discard(self.staged, self.failed, self._actor, reason=reason)
            # A sweeper may have taken the row, and cleared up, before our object was there. A commit whose answer we
            # lost may have made it a document's: then it stays.
            if not self._is_kept():
                delete_object_of(self.staged)
            return
        with transaction.atomic():
            if self._mine().delete()[0]:
                staged = self.staged
                audit.record(
                    self.failed, self._actor, document_id=staged.document_id, attachment_id=staged.id, reason=reason
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort(reason=reason_of(error))

    def _open_envelope(self, first: Buffer) -> tuple[Sealer, ObjectWriter]:
        """Write the header. What the client did not say about the type, the first bytes may tell."""
        staged = self.staged
        if staged.content_type == UNKNOWN_TYPE and (kind := filetype.guess(bytes(first[:SNIFFED]))):
            staged.content_type = kind.mime
        self._check_types(first)
        metadata = Metadata(
            filename=staged.filename,
            content_type=staged.content_type,
            owner=staged.owner.get_username() if staged.owner else "",
            created_at=self._made_at(),
        )
        sealer = Sealer(self._ids(), metadata, self._ring)
        writer = self._provider.open_writer(staged.storage_path)
        self._envelope = sealer, writer
        writer.write(sealer.header)
        release_connection()
        failpoint("upload.header-written")
        return self._envelope

    def _ids(self) -> EnvelopeIds:
        """What the envelope is bound to."""
        return EnvelopeIds(Vault.current_id(), self.staged.document_id, self.staged.id)

    def _made_at(self) -> datetime:
        """The date that is sealed with it."""
        return self.staged.created_at

    def _retained_until(self) -> datetime | None:
        """Until when the policy keeps what is stored now."""
        return database_now() + self._policy.retention if self._policy.retention else None

    def _check_types(self, first: Buffer) -> None:
        """Both must be allowed, what was said and what the first bytes tell: against mistakes, not against malice."""
        self._policy.check_type(self.staged.content_type)
        # Office documents are archives, and often look like nothing else.
        if (kind := filetype.guess(bytes(first[:SNIFFED]))) and kind.mime != "application/zip":
            self._policy.check_type(kind.mime)

    def _commit(self, sealer: Sealer, writer: ObjectWriter) -> ObjectRef:
        """Commit the object. A key that is taken can only be our own write whose answer was lost: then it is equal."""
        self._maybe_stored = True  # from here on the store may hold it, whatever the answer
        try:
            return writer.commit()
        except ObjectExists as error:
            key = self.staged.storage_path
            if not error.checksum or object_checksum(self._provider, key) != error.checksum:
                self._maybe_stored = False  # somebody else's object has our key: it is not ours to delete
                raise
            return ObjectRef(self._provider.name, key, sealer.object_size, error.checksum)

    def _check_size(self, stored: ObjectRef) -> None:
        """Ask the store what it holds. Its digest needs no asking: S3 refuses a body whose SHA-256 is not the signed
        one, and the local provider hashes what it wrote and synced; a full read would double the time of an upload.
        """
        found = self._provider.head(stored.key).size
        if found != stored.size:
            raise IntegrityMismatch(
                f"{stored.size:,} bytes were written and {found:,} are stored", provider=stored.provider, key=stored.key
            )

    def _note_sealed(self, sealer: Sealer, stored: ObjectRef) -> None:
        """Write on the intent row, in memory, what a row knows of a sealed object."""
        staged = self.staged
        staged.size, staged.sealed_size = self.size, stored.size
        staged.digest = stored.checksum.removeprefix("sha256:")
        staged.envelope_core, staged.key_block = sealer.prefix_core, sealer.key_block
        staged.recipients = digest_of_block(sealer.key_block)
        staged.sealed_digest = sealer.seal_digest(bytes.fromhex(self._hash.checksum().removeprefix("sha256:")))

    def _keep_lease(self) -> None:
        """Renew the lease where it is time to. Raises UploadGone where it was lost."""
        if time.monotonic() > self._renew_at:
            self._renew_lease()

    def _renew_lease(self) -> None:
        if not self._mine().update(expires_at=database_now() + self._lease):
            raise UploadGone
        release_connection()
        self._renew_at = time.monotonic() + self._lease.total_seconds() / 3

    def _is_kept(self) -> bool:
        """Whether a row needs the object: one that keeps it, or a staged attachment that may still be confirmed."""
        staged = StagedAttachment.objects.filter(pk=self.staged.pk).exclude(state=StagedAttachment.State.DISCARDED)
        # In this order: the staged row is deleted in the transaction that makes one of the others.
        return staged.exists() or any(kind.objects.filter(pk=self.staged.pk).exists() for kind in (Attachment, Payload))

    def _mine(self) -> QuerySet[StagedAttachment]:
        """The intent row, while no sweeper has taken it over."""
        return StagedAttachment.objects.filter(
            pk=self.staged.pk, state=StagedAttachment.State.RECEIVING, fence=self.staged.fence
        )


def reason_of(error: BaseException | None) -> str:
    """The stable word for the audit log: an error's code, or its class; never its message."""
    return error.code if isinstance(error, VaultError) else type(error).__name__ if error else "aborted"
