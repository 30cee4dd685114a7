"""Receiving a document: sealed while it arrives, staged, later confirmed. The order of effects is ``receiving``'s."""

from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction

from documents.encryption.envelope import Sealer
from documents.errors import UploadGone
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.models import StagedAttachment
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import Actor
from documents.services.keys import DOCUMENTS
from documents.services.names import UNKNOWN_TYPE, clean_content_type, clean_filename
from documents.services.receiving import Receiving, commit_intent
from documents.storage.base import ObjectRef
from documents.storage.policies import DEFAULT
from documents.wiring import storage_manager, storage_provider, vault_config


def upload_limit(policy: str = DEFAULT) -> int:
    """Return how many bytes an upload under ``policy`` may have: its own limit, and never more than the vault's."""
    most, rule = vault_config().max_upload_size, storage_manager().policy(policy)
    return min(most, rule.max_size or most)


def begin_upload(
    *, owner: User | None, filename: str, content_type: str, actor: Actor, policy: str = DEFAULT
) -> "Upload":
    """Commit the intent row and return the upload. The caller closes it: ``finish``, or ``abort``.

    ``policy`` says in which store it is put, how large it may be, of which types, and how long it is kept. Raises
    PolicyNotFound, TypeNotAllowed, ConfigurationError or KeyRingError before anything is written, and RuntimeError
    inside a transaction of the caller's: its rollback would take the row that the sweeper needs to find the object.
    """
    config, rule = vault_config(), storage_manager().policy(policy)
    provider, ring = storage_provider(rule.store), key_ring()
    name = clean_filename(filename)
    staged = StagedAttachment(
        document_id=uuid4(), owner=owner, filename=name, content_type=clean_content_type(content_type)
    )
    readable_name = name if config.object_names == "readable" else ""
    if staged.content_type != UNKNOWN_TYPE:  # what was not said may still be found out
        rule.check_type(staged.content_type)
    commit_intent(staged, provider, ring, prefix=rule.key(DOCUMENTS), readable_name=readable_name)
    return Upload(staged, provider, ring, actor, limit=upload_limit(policy), policy=rule)


class Upload(Receiving):
    """One document on its way in. Push plaintext with ``write``, end with ``finish`` or ``abort``."""

    failed = "upload.failed"

    def finish(self) -> StagedAttachment:
        """Make the object durable, confirm it, and return the STAGED row. The upload is closed afterwards.

        Raises StorageError where the object could not be stored, IntegrityMismatch where the store has something
        else, UploadGone where the lease was lost; nothing is left over then.
        """
        self._receive()
        failpoint("upload.row-staged")
        return self.staged

    def _stage(self, sealer: Sealer, stored: ObjectRef) -> None:
        """Receive the acknowledgeable state: row and audit event, if the lease is still ours."""
        staged = self.staged
        self._note_sealed(sealer, stored)
        staged.state = StagedAttachment.State.STAGED
        staged.expires_at = database_now() + vault_config().staged_lifetime
        staged.retain_until = self._retained_until()
        fields = ("size", "sealed_size", "digest", "envelope_core", "key_block", "recipients", "sealed_digest")
        changed = ("state", "expires_at", "content_type", "retain_until", *fields)
        values = {name: getattr(staged, name) for name in changed}
        with transaction.atomic(durable=True):
            if not self._mine().update(**values):
                raise UploadGone
            audit.record(
                "upload.staged", self._actor, document_id=staged.document_id, attachment_id=staged.id, size=staged.size
            )
