"""Whether anything needs a KEK: every key block there is is looked at; what cannot be judged counts as needing it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from documents.encryption.recipients import recipients_of
from documents.errors import KekInUse, KekRefused, MalformedEnvelope, ObjectNotFound
from documents.key_rings import key_ring
from documents.models import Attachment, KekRecord, StagedAttachment, UpkeepRun, UpkeepShare
from documents.models.upkeep import UNFINISHED
from documents.services.file_keys import files_wrapped_for
from documents.services.kek_standing import TABLES, Table, role_of
from documents.services.sidecars import read_sidecar, sequence_in, sidecar_key
from documents.wiring import storage_provider

UNREADABLE = "key blocks that cannot be read (rotate_keys --repair)"
UNREADABLE_FILES = "sealed files that cannot be read (have their app store them again, or delete them)"
NOT_BESIDE = "key blocks that are not beside their objects (rotate_keys --repair)"
IN_FLIGHT = "key blocks that are being put beside their objects (come again when the rotation is over)"
# So many that seem to be missing are looked at once more; where there are more, something was lost.
MOST_SUSPECTS = 10_000
# So many rows are held at a time, and so many sidecars are read at once: a store is waited for, not worked with.
_BATCH, _THREADS = 500, 8

T = TypeVar("T")


class _Sealed(NamedTuple):
    """A row, as far as it says who opens its object."""

    pk: UUID
    storage_type: str
    key_block: bytes


def prove_unused(record: KekRecord) -> int:
    """Return how many key blocks were looked at, none of which is wrapped for the KEK, whatever any column says.

    Each newer one is also beside its object: the objects alone would otherwise open with the KEK and with no other.
    The order is the one in which an upload becomes a document, so that one that moves on meanwhile is met later on.
    Raises KekRefused for the primary and a recovery KEK of the ring, KekInUse with the counts, StorageError,
    ConfigurationError for a store that is not configured here, KeyRingError.
    """
    demand_older(record)
    ring = key_ring()
    kek_id = bytes.fromhex(record.kek_id)
    needed = Counter({"uploads that arrive at this moment": _arriving(record)})
    looked_at = 0
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="beside") as pool:
        beside = _Beside(pool)
        for model in TABLES:
            for batch in _sealed(model):
                looked_at += len(batch)
                recipients = [_recipients(row) for row in batch]
                needed[UNREADABLE] += recipients.count(None)
                needed[str(model._meta.verbose_name_plural)] += sum(kek_id in (ids or ()) for ids in recipients)
                beside.look(model, batch)
        needed[NOT_BESIDE], needed[IN_FLIGHT] = beside.missing()
    needed["documents read in place (adopt_documents --reseal)"] = (
        Attachment.objects.in_place().filter(kek_id=record.kek_id).count()
    )
    files, needed["sealed files"], needed[UNREADABLE_FILES] = files_wrapped_for(kek_id, ring)
    if needed.total():
        raise KekInUse(record.kek_id, {name: count for name, count in needed.items() if count})
    return looked_at + files


def demand_older(record: KekRecord) -> None:
    """Raises KekRefused where new documents are sealed for it, by this process's ring, by the records, or soon."""
    role = role_of(record.kek_id, key_ring())
    if role in ("primary", "recovery"):
        raise KekRefused(f"KEK {record} is a {role} KEK of the ring. Make another one so first: rotate_keys.")
    if record.replaced_at is None and (record.made_primary_at or record.made_recovery_at):
        raise KekRefused(
            f"KEK {record} seals new documents by the records, and not by the key files of this process. Put the "
            "present ones there; where the records are older, of a database that was restored, run rotate_keys."
        )
    for run in UpkeepRun.objects.filter(kind=UpkeepRun.Kind.REWRAP, state__in=UNFINISHED):
        if record.kek_id in run.options.get("seal", ()):
            raise KekRefused(
                f"Run {run.pk} rewraps for KEK {record}, and is not over. Go on with it, or give it up: rotate_keys "
                f"--resume {run.pk}, or --cancel {run.pk}."
            )


class _Beside:
    """Looks for newer key blocks that are in their rows and not beside their objects.

    Those are looked at once more at the end, when the rows are read as they are then: what was deleted, moved or
    rewrapped meanwhile says nothing by what it was.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool, self._more = pool, 0
        self._suspects: list[tuple[Table, _Sealed]] = []

    def look(self, model: Table, rows: Sequence[_Sealed]) -> None:
        """Read the sidecars of these rows. Raises StorageError, ConfigurationError."""
        without = [(model, row) for row in self._without(rows)]
        kept = without[: MOST_SUSPECTS - len(self._suspects)]
        self._suspects += kept
        self._more += len(without) - len(kept)

    def missing(self) -> tuple[int, int]:
        """How many are missing, and how many more a rotation is about to put. Raises as ``look``."""
        missing, in_flight = self._more, 0
        while suspects := self._suspects:
            self._suspects, put = [], _in_flight()
            for model in TABLES:
                was = {row.pk: row for table, row in suspects if table is model}
                for some in _in_batches(list(was)):
                    now = [_as_sealed(row) for row in _rows(model).filter(pk__in=some)]
                    self.look(model, [row for row in now if row != was[row.pk]])
                    still = {row.pk for row in self._without([row for row in now if row == was[row.pk]])}
                    in_flight += len(still & put)
                    missing += len(still - put)
        return missing, in_flight

    def _without(self, rows: Sequence[_Sealed]) -> list[_Sealed]:
        found = zip(rows, self._pool.map(_is_beside, rows), strict=True)
        return [row for row, is_beside in found if not is_beside]


def _in_flight() -> set[UUID]:
    """The rows whose new key blocks a rotation that goes on has still to put beside their objects."""
    shares = UpkeepShare.objects.filter(run__kind=UpkeepRun.Kind.REWRAP, run__state__in=UNFINISHED)
    return {
        UUID(pk) for some in shares.exclude(in_flight=[]).values_list("in_flight", flat=True) for pk, _store in some
    }


def _is_beside(row: _Sealed) -> bool:
    if sequence_in(row.key_block) == 0:  # its object has it
        return True
    try:
        return read_sidecar(storage_provider(row.storage_type), sidecar_key(row.pk, row.key_block)) == row.key_block
    except ObjectNotFound:
        return False


def _arriving(record: KekRecord) -> int:
    """Intents name the primary that they are sealed for; for which recovery KEK nobody knows before they are there."""
    arriving = StagedAttachment.objects.filter(state=StagedAttachment.State.RECEIVING)
    if record.purpose != KekRecord.Purpose.RECOVERY and record.made_recovery_at is None:
        arriving = arriving.filter(kek_id=record.kek_id)
    return arriving.count()


def _sealed(model: Table) -> Iterator[list[_Sealed]]:
    """Yield every row that was sealed in this format, a batch at a time."""
    return _in_batches(map(_as_sealed, _rows(model).iterator(chunk_size=_BATCH)))


def _in_batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _rows(model: Table) -> "QuerySet[Any, Any]":
    sealed: QuerySet[Any] = model._default_manager.exclude(envelope_core=b"").order_by()
    if model is StagedAttachment:  # what is discarded is opened by nobody, and its sidecars may be gone already
        sealed = sealed.exclude(state=StagedAttachment.State.DISCARDED)
    return sealed.values_list("pk", "storage_type", "key_block")


def _as_sealed(row: tuple[UUID, str, bytes]) -> _Sealed:
    return _Sealed(row[0], row[1], bytes(row[2]))


def _recipients(row: _Sealed) -> tuple[bytes, ...] | None:
    """None where the key block cannot be read."""
    try:
        return recipients_of(row.key_block)
    except MalformedEnvelope:
        return None
