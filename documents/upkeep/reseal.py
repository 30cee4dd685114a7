"""Sealing anew, one attachment after the other: what was sealed for a KEK that nobody trusts now, or everything."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog

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
from documents.models import Attachment, AuditEvent, Document, Payload, StagedAttachment, UpkeepFinding, UpkeepRun
from documents.services.actors import Actor
from documents.services.attributes import attributes_of, set_attributes
from documents.services.editions import edition_of
from documents.services.patience import patiently
from documents.services.resealing import is_wrapped_for, reseal
from documents.services.rewrapping import Row
from documents.services.sealing_keks import is_outdated, target_of
from documents.upkeep.errors import Halt, RunRefused, code_of
from documents.upkeep.reseal_meanwhile import (
    LOOKED_AT,
    arriving,
    come_since,
    is_concerned,
    left_to_reseal,
    may_be_concerned,
    of_document,
    scopes_of,
)
from documents.upkeep.reseal_ring import OUTDATED, present_ring
from documents.upkeep.runs import begin_run
from documents.upkeep.sealed_rows import finding_of, rows_behind, rows_of
from documents.upkeep.shares import Lease
from documents.wiring import storage_provider

log = structlog.get_logger(__name__)

# Objects between two signs of life; each is read and written whole.
BATCH = 8
MOST_ROUNDS = 10
# How often attributes that were changed meanwhile are read and set again.
TRIES = 5
TASK = Actor(user=None, via="task")
# What is a fault of one object, and a finding.
_OWN_FAULTS = (StorageError, EncryptionError, DocumentUnreadable, DocumentChanged, PayloadError, UploadError)


def begin_resealing(actor: Actor, *, kek_id: str = "", document_id: UUID | None = None, workers: int = 2) -> UpkeepRun:
    """Begin to seal anew whatever has a DEK wrapped for this KEK anywhere, or one document, or everything.

    Uploads that wait to be confirmed, or arrive at the end, are no documents yet: those that are concerned are
    findings. What came while the run was at work is looked at in further rounds, until nothing is left.

    Raises SealOnlyKeyRing where this process can open nothing, RunRefused where another such run is not over, where
    the KEK is one that everything is sealed for now, or where the key files of this process are outdated.
    """
    ring = key_ring()
    ring.require_private_keys()
    if is_outdated(ring):
        raise RunRefused(f"{OUTDATED} Begin the run then, or on a machine that has them.")
    if kek_id in (kek.kek_id.hex() for kek in ring.recipients):
        raise RunRefused(
            f"Rotate first: everything is sealed for KEK {kek_id[:16]} now, and would be again. Put another in its "
            "place (create_kek and rotate_keys, or the new recovery key's public half), then seal anew."
        )
    options = {
        "kek": kek_id,
        "document": str(document_id or ""),
        "primary": ring.primary.kek_id.hex(),
        "recipients": target_of(ring.recipients),
    }
    document = options["document"]
    scopes = [(scope, of_document(rows_of(scope), document).count()) for scope in scopes_of(document)]
    return begin_run(UpkeepRun.Kind.RESEAL, scopes, actor, workers=workers, options=options)


class ResealWork:
    """One worker's. There is nothing to close."""

    def __init__(self, run: UpkeepRun) -> None:
        self._run, self._kek_id = run, str(run.options["kek"])
        self._document = str(run.options["document"])

    def close(self) -> None: ...

    def scopes(self) -> list[tuple[str, int]]:
        """Return what the next round has to go through: uploads came in, for whomever, while this one was at work.

        Uploads that arrive now become findings where nothing else is left. Raises Halt, StandsAside.
        """
        ring = present_ring(self._run)
        arrive = arriving(self._run, ring)  # first: whatever is there afterwards has left them
        left = left_to_reseal(self._run, ring)
        if not left:
            UpkeepFinding.objects.bulk_create(arrive, ignore_conflicts=True)
        elif self._run.round >= MOST_ROUNDS:
            raise Halt(
                "After ten rounds there is more to seal anew: some process seals with an older key ring. Find it, give "
                "this run up with --cancel, and begin another."
            )
        return left

    def step(self, lease: Lease) -> bool:
        """Seal the next few anew. Returns False where nothing is left. Raises LeaseLost, Halt, StandsAside."""
        share = lease.share
        behind = of_document(rows_behind(share), self._document)
        rows = list(behind[: BATCH if share.round == 1 else LOOKED_AT])
        if not rows:
            lease.finish()
            return False
        findings: list[UpkeepFinding] = []
        to_do = self._to_do(rows, lease)
        changed = 0
        for row in to_do:
            try:
                changed += patiently(self._does, row, lease)
            except RetiredKek as error:
                present_ring(self._run)  # it was replaced while this one was sealed
                raise Halt(str(error)) from error
            except (KeyRingError, ConfigurationError) as error:
                raise Halt(str(error)) from error
            except DocumentNotFound:
                continue
            except _OWN_FAULTS as error:
                if isinstance(error, StorageError) and error.retryable:
                    raise Halt(str(error)) from error
                findings.append(self._finding(row, error))
        # Of later rounds those count that the round was made for.
        seen = len(to_do) if share.round == 1 else changed + len(findings)
        lease.note(
            findings,
            position=str(rows[-1].pk),
            seen=share.seen + seen,
            changed=share.changed + changed,
        )
        return True

    def _to_do(self, rows: Sequence[Row], lease: Lease) -> list[Row]:
        """Those that this run did not make; of later rounds those that came since it began, and may be concerned."""
        if lease.share.round == 1:
            fresh = self._done_before(rows)
            return [row for row in rows if row.pk not in fresh]
        ring, found = present_ring(self._run), []
        for row in come_since(self._run, rows):
            lease.renew()
            if may_be_concerned(row, self._run, ring):
                found.append(row)
        return found

    def _does(self, row: Row, lease: Lease) -> bool:
        """Seal it anew where it is to be. Returns whether it was. Raises LeaseLost, and what sealing raises."""
        lease.write()  # who waits for a key service comes here again and again
        ring = present_ring(self._run)  # before each: a batch of large objects takes an hour
        if not row.envelope_core:
            return False  # in the format of an older vault: adopting seals it
        if lease.share.round > 1 and not is_concerned(row, self._run, ring):
            return False
        if self._kek_id and not is_wrapped_for(row, storage_provider(row.storage_type), bytes.fromhex(self._kek_id)):
            return False
        if isinstance(row, Attachment):
            reseal(row, TASK, sign_of_life=lease.write)
            return True
        if isinstance(row, StagedAttachment):
            raise UploadGone("It waits to be confirmed. Have that done, or discard it, and seal anew again.")
        if row.document is None:
            raise PayloadError("It is another app's: have that app store it anew.")
        _reseal_attributes(row)
        return True

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


def _reseal_attributes(payload: Payload) -> None:
    """Set the attributes that it is a part of again. Raises DocumentChanged where people change them all the time."""
    for _try in range(TRIES):
        document = Document.objects.filter(payloads=payload.pk).first()
        if document is None:
            return  # somebody set them meanwhile, by which they were sealed anew
        attributes = attributes_of(document, actor=TASK)
        with suppress(DocumentChanged):  # or renamed it, which leaves the payload as it was
            set_attributes(document.pk, attributes, owner=document.owner, actor=TASK, seen=edition_of(document))
            return
    raise DocumentChanged
