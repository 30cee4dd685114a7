"""Sealing anew, one attachment after the other: what was sealed for a KEK that nobody trusts now, or everything."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog

from documents.encryption.keyring import KeyRing
from documents.encryption.recipients import recipients_digest
from documents.errors import (
    ConfigurationError,
    DocumentChanged,
    DocumentNotFound,
    DocumentUnreadable,
    EncryptionError,
    KeyRingError,
    PayloadError,
    RetiredKek,
    StorageError,
    UploadError,
    UploadGone,
)
from documents.key_rings import key_ring
from documents.models import Attachment, AuditEvent, Payload, StagedAttachment, UpkeepFinding, UpkeepRun
from documents.services.actors import Actor
from documents.services.attributes import attributes_of, set_attributes
from documents.services.editions import edition_of
from documents.services.patience import patiently
from documents.services.resealing import is_wrapped_for, reseal
from documents.services.rewrapping import Row
from documents.services.sealing_keks import is_outdated
from documents.upkeep.errors import Halt, RunRefused, StandsAside, code_of
from documents.upkeep.runs import begin_run
from documents.upkeep.sealed_rows import finding_of, rows_behind, rows_of
from documents.upkeep.shares import Lease
from documents.wiring import storage_provider

log = structlog.get_logger(__name__)

# Objects between two signs of life; each is read and written whole.
BATCH = 8
TASK = Actor(user=None, via="task")
_OUTDATED = (
    "The key files of a process are older than the vault's (ring.json, or its settings): it would seal for a KEK that "
    "was replaced, and seals nothing anew. Put the present ones there."
)


def begin_resealing(actor: Actor, *, kek_id: str = "", document_id: UUID | None = None, workers: int = 2) -> UpkeepRun:
    """Begin to seal anew whatever has a DEK wrapped for this KEK anywhere, or one document, or everything.

    Uploads that wait to be confirmed are no documents yet: those that are concerned are findings.

    Raises SealOnlyKeyRing where this process can open nothing, RunRefused where another such run is not over, where
    the KEK is one that everything is sealed for now, or where the key files of this process are outdated.
    """
    ring = key_ring()
    ring.require_private_keys()
    if is_outdated(ring):
        raise RunRefused(f"{_OUTDATED} Begin the run then, or on a machine that has them.")
    if kek_id in (kek.kek_id.hex() for kek in ring.recipients):
        raise RunRefused(
            f"Rotate first: everything is sealed for KEK {kek_id[:16]} now, and would be again. Put another in its "
            "place (create_kek and rotate_keys, or the new recovery key's public half), then seal anew."
        )
    options = {
        "kek": kek_id,
        "document": str(document_id or ""),
        "primary": ring.primary.kek_id.hex(),
        "recipients": _digest_of(ring),
    }
    rows: dict[str, Any] = {} if document_id else {"staged": rows_of("staged")}
    rows |= {"attachment": Attachment.objects.all(), "payload": Payload.objects.all()}
    scopes = [(scope, _wanted(found, options["document"]).count()) for scope, found in rows.items()]
    return begin_run(UpkeepRun.Kind.RESEAL, scopes, actor, workers=workers, options=options)


class ResealWork:
    """One worker's. There is nothing to close."""

    def __init__(self, run: UpkeepRun) -> None:
        self._run, self._kek_id = run, str(run.options["kek"])
        self._document = str(run.options["document"])

    def close(self) -> None: ...

    def scopes(self) -> list[tuple[str, int]]:
        """One round is all: what is begun meanwhile is sealed for the present recipients."""
        return []

    def step(self, lease: Lease) -> bool:
        """Seal the next few anew. Returns False where nothing is left. Raises LeaseLost, Halt, StandsAside."""
        share = lease.share
        rows = list(_wanted(rows_behind(share), self._document)[:BATCH])
        if not rows:
            lease.finish()
            return False
        findings: list[UpkeepFinding] = []
        fresh = self._done_before(rows)
        changed = 0
        for row in rows:
            try:
                changed += row.pk not in fresh and patiently(self._does, row, lease)
            except RetiredKek as error:
                self._demand_ring()  # it was replaced while this one was sealed
                raise Halt(str(error)) from error
            except (KeyRingError, ConfigurationError) as error:
                raise Halt(str(error)) from error
            except DocumentNotFound:
                continue
            except (StorageError, EncryptionError, DocumentUnreadable, PayloadError, UploadError) as error:
                if isinstance(error, StorageError) and error.retryable:
                    raise Halt(str(error)) from error
                findings.append(self._finding(row, error))
        lease.note(
            findings,
            position=str(rows[-1].pk),
            seen=share.seen + len(rows) - len(fresh),
            changed=share.changed + changed,
        )
        return True

    def _does(self, row: Row, lease: Lease) -> bool:
        """Seal it anew where it is to be. Returns whether it was. Raises LeaseLost, and what sealing raises."""
        lease.write()  # who waits for a key service comes here again and again
        self._demand_ring()  # before each: a batch of large objects takes an hour
        if not row.envelope_core:
            return False  # in the format of an older vault: adopting seals it
        if self._kek_id and not is_wrapped_for(row, storage_provider(row.storage_type), bytes.fromhex(self._kek_id)):
            return False
        if isinstance(row, Attachment):
            reseal(row, TASK, sign_of_life=lease.write)
            return True
        if isinstance(row, StagedAttachment):
            raise UploadGone("It waits to be confirmed. Have that done, or discard it, and seal anew again.")
        if row.document is None:
            raise PayloadError("It is another app's: have that app store it anew.")
        document = row.document
        attributes = attributes_of(document, actor=TASK)
        # Where somebody set them meanwhile, they were sealed anew by that.
        with suppress(DocumentChanged):
            set_attributes(document.pk, attributes, owner=document.owner, actor=TASK, seen=edition_of(document))
        return True

    def _demand_ring(self) -> None:
        """Raises StandsAside where this process has older key files, Halt where a rotation came since the beginning."""
        ring, options = key_ring(), self._run.options
        if is_outdated(ring):
            raise StandsAside(_OUTDATED)
        # A run that an earlier release began has noted its primary alone.
        noted, now = options.get("recipients"), _digest_of(ring)
        if now != noted if noted else ring.primary.kek_id.hex() != options["primary"]:
            raise Halt(
                "The key ring has other recipients than when this run was begun: what is sealed anew would be for "
                "others than what was. Give the run up with --cancel, and begin another."
            )

    def _done_before(self, rows: Sequence[Row]) -> set[UUID]:
        """Those that this run made: their new ids lie anywhere, also behind the place where the share is."""
        if not isinstance(rows[0], Attachment):
            return {row.pk for row in rows if row.created_at >= self._run.created_at}
        resealed = AuditEvent.objects.filter(
            action="attachment.resealed", attachment_id__in=[row.pk for row in rows], at__gte=self._run.created_at
        )
        return {pk for pk in resealed.values_list("attachment_id", flat=True) if pk}

    def _finding(self, row: Row, error: Any) -> UpkeepFinding:
        log.warning("not_resealed", run=self._run.pk, attachment_id=str(row.pk), code=error.code)
        code = "not-confirmed" if isinstance(row, StagedAttachment) else code_of(error)
        return finding_of(self._run, row, code=code, detail=str(error))


def _digest_of(ring: KeyRing) -> str:
    return recipients_digest(kek.kek_id for kek in ring.recipients)


def _wanted(rows: Any, document: str) -> Any:
    return rows.filter(document_id=UUID(document)) if document else rows
