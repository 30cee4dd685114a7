"""What comes while a run seals anew: uploads of machines with older key files, and those that were begun before it.

A row comes out of an intent, so that intents are looked at first, staged ones next, and the rows that keep objects
last: what moves on meanwhile is met later on.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q

from documents.encryption.keyring import KeyRing
from documents.encryption.recipients import digest_of_block, is_readable, recipients_digest, recipients_of
from documents.errors import ConfigurationError, EncryptionError, StorageError
from documents.models import AuditEvent, Document, KekRecord, StagedAttachment, UpkeepFinding, UpkeepRun
from documents.models.clock import database_now
from documents.services.recovered_rows import RECOVERED
from documents.services.resealing import is_wrapped_for, recipients_in_header
from documents.services.rewrapping import Row
from documents.services.sealing_keks import GRACE, target_of
from documents.services.sidecars import sequence_in
from documents.upkeep.errors import Halt
from documents.upkeep.sealed_rows import SCOPES, finding_of, rows_of
from documents.wiring import storage_provider

# So far the clocks of machines may differ: rows have the time of the one that made them (RFC 4120 §1.6 takes as much).
SKEW = timedelta(minutes=5)
# Rows in memory at a time.
LOOKED_AT = 500
_ARRIVES = (
    "An upload arrives at this moment, and may be sealed for what nobody trusts now: seal anew again when it is over."
)
# What gives a row an object that is newer than its ``created_at``: adopted documents are as old as their originals.
_SEALED = ("attachment.resealed", "document.resealed", "document.adopted", RECOVERED)


def scopes_of(document: str) -> list[str]:
    """Return what a run for this document goes through, "" for all: what waits to be confirmed is of none yet."""
    return [scope for scope in SCOPES if scope != "staged" or not document]


def of_document(rows: Any, document: str) -> Any:
    """Those of one document, or all of them."""
    return rows.filter(document_id=UUID(document)) if document else rows


def come_since(run: UpkeepRun, rows: Sequence[Row]) -> list[Row]:
    """Return those that came since the run began, also by being sealed anew, and of which it says nothing yet."""
    since, ids = run.created_at - SKEW, [row.pk for row in rows]
    come = {row.pk for row in rows if isinstance(row, StagedAttachment) or row.created_at >= since}
    sealed = AuditEvent.objects.filter(action__in=_SEALED, attachment_id__in=ids, at__gte=since)
    come.update(pk for pk in sealed.values_list("attachment_id", flat=True) if pk)
    told = set(run.findings.filter(subject__in=ids).values_list("subject", flat=True))
    return [row for row in rows if row.pk in come and row.pk not in told]


def left_to_reseal(run: UpkeepRun, ring: KeyRing) -> list[tuple[str, int]]:
    """Return how many rows of each table came since, and are to be sealed anew. Raises Halt."""
    document = run.options["document"]
    counts = {
        scope: sum(
            may_be_concerned(row, run, ring)
            for batch in _batches(of_document(rows_of(scope), document))
            for row in come_since(run, batch)
        )
        for scope in scopes_of(document)
    }
    return [(scope, count) for scope, count in counts.items() if count]


def _batches(rows: Any) -> Iterator[list[Row]]:
    """Each by a statement of its own: what comes while they are looked at is met."""
    last: list[Row] = []
    while last := list((rows.filter(pk__gt=last[-1].pk) if last else rows)[:LOOKED_AT]):
        yield last


def may_be_concerned(row: Row, run: UpkeepRun, ring: KeyRing) -> bool:
    """As ``is_concerned``; also where nobody can say, which sealing it anew will tell. Raises Halt."""
    try:
        return is_concerned(row, run, ring)
    except ConfigurationError as error:
        raise Halt(str(error)) from error
    except (EncryptionError, StorageError) as error:
        if isinstance(error, StorageError) and error.retryable:
            raise Halt(str(error)) from error
        return True  # the next round says so in a finding


def is_concerned(row: Row, run: UpkeepRun, ring: KeyRing) -> bool:
    """Whether a row that came since is to be sealed anew: for the run's KEK, or for others than the ring's.

    The object is asked only where its row was rewrapped since. Raises EncryptionError, StorageError,
    ConfigurationError for a store that is not configured here.
    """
    if not row.envelope_core:
        return False  # in the format of an older vault
    kek_id, block = bytes.fromhex(run.options["kek"]), bytes(row.key_block)
    is_first = sequence_in(block) == 0 and is_readable(block)  # the one that the header has
    if kek_id:
        return (
            kek_id in recipients_of(block)
            if is_first
            else is_wrapped_for(row, storage_provider(row.storage_type), kek_id)
        )
    if is_first:
        sealed_for = digest_of_block(block)
    else:
        sealed_for = recipients_digest(recipients_in_header(storage_provider(row.storage_type), row.storage_path))
    return sealed_for != target_of(ring.recipients)


def arriving(run: UpkeepRun, ring: KeyRing) -> list[UpkeepFinding]:
    """Return a finding, not stored yet, of each upload that arrives now and may have to be sealed anew.

    An intent names the primary. For which recovery KEKs it is nobody knows before it is there: for a replaced one it
    may be where it was begun while that could seal. What a worker of this run that died was about to seal anew is none.
    """
    kek_id = run.options["kek"]
    concerned = Q(kek_id=kek_id) if kek_id else ~Q(kek_id=ring.primary.kek_id.hex())
    if until := _recovery_sealed_until(kek_id, ring):
        concerned |= Q(created_at__lte=until + SKEW)
    rows = StagedAttachment.objects.filter(concerned, state=StagedAttachment.State.RECEIVING).exclude(
        Exists(Document.objects.filter(pk=OuterRef("document_id"))),
        created_at__gte=run.created_at,
        kek_id=ring.primary.kek_id.hex(),
    )
    return [
        finding_of(run, row, code="arriving", detail=_ARRIVES)
        for row in of_document(rows, run.options["document"]).iterator(chunk_size=LOOKED_AT)
    ]


def _recovery_sealed_until(kek_id: str, ring: KeyRing) -> datetime | None:
    """Until when a process might begin to seal for the KEK as a recovery one, or for any that is none now."""
    records = KekRecord.objects.exclude(kek_id__in=[kek.kek_id.hex() for kek in ring.recipients])
    records = records.filter(Q(made_recovery_at__isnull=False) | Q(purpose=KekRecord.Purpose.RECOVERY))
    # One that never sealed has no end either: the KEK that is asked for may have sealed before there were records.
    records = records.filter(kek_id=kek_id) if kek_id else records.filter(replaced_at__isnull=False)
    return max(
        (record.replaced_at + GRACE if record.replaced_at else database_now() for record in records), default=None
    )


def sealed_elsewhere_until(run: UpkeepRun) -> datetime | None:
    """Until when machines with older key files may go on to seal for what the run is to be rid of; None is not now."""
    records = KekRecord.objects.filter(replaced_at__gt=database_now() - GRACE)
    if run.options["kek"]:
        records = records.filter(kek_id=run.options["kek"])
    latest: datetime | None = records.aggregate(at=Max("replaced_at"))["at"]
    return latest + GRACE if latest else None
