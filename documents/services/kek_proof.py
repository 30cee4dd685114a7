"""Whether anything needs a KEK: every key block there is is looked at; what cannot be judged counts as needing it."""

from collections import Counter
from collections.abc import Iterator

from documents.encryption.recipients import recipients_of
from documents.errors import KekInUse, KekRefused, MalformedEnvelope
from documents.key_rings import key_ring
from documents.models import Attachment, KekRecord, StagedAttachment, UpkeepRun, UpkeepShare
from documents.services.file_keys import files_wrapped_for
from documents.services.kek_standing import TABLES, Table, role_of

UNREADABLE = "key blocks that cannot be read (rotate_keys --repair)"
UNREADABLE_FILES = "sealed files that cannot be read (have their app store them again, or delete them)"
NOT_BESIDE = "key blocks that are not beside their objects yet (rotate_keys)"


def prove_unused(record: KekRecord) -> int:
    """Return how many key blocks were looked at, none of which is wrapped for the KEK, whatever any column says.

    The order is the one in which an upload becomes a document, so that one that moves on meanwhile is met later on.
    Raises KekRefused for the primary and a recovery KEK of the ring, KekInUse with the counts, StorageError,
    KeyRingError.
    """
    demand_older(record)
    ring = key_ring()
    kek_id = bytes.fromhex(record.kek_id)
    needed = Counter({"uploads that arrive at this moment": _arriving(record)})
    needed[NOT_BESIDE] = _not_beside()
    looked_at = 0
    for model in TABLES:
        for recipients in _recipients(model):
            looked_at += 1
            needed[UNREADABLE] += recipients is None
            needed[str(model._meta.verbose_name_plural)] += kek_id in (recipients or ())
    needed["documents read in place (adopt_documents --reseal)"] = (
        Attachment.objects.in_place().filter(kek_id=record.kek_id).count()
    )
    files, needed["sealed files"], needed[UNREADABLE_FILES] = files_wrapped_for(kek_id, ring)
    if needed.total():
        raise KekInUse(record.kek_id, {name: count for name, count in needed.items() if count})
    return looked_at + files


def demand_older(record: KekRecord) -> None:
    """Raises KekRefused where new documents are sealed for it, by the ring of this process or by the records."""
    role = role_of(record.kek_id, key_ring())
    if role in ("primary", "recovery"):
        raise KekRefused(f"KEK {record} is a {role} KEK of the ring. Make another one so first: rotate_keys.")
    if record.replaced_at is None and (record.made_primary_at or record.made_recovery_at):
        raise KekRefused(
            f"KEK {record} seals new documents by the records, and not by the key files of this process. Put the "
            "present ones there; where the records are older, of a database that was restored, run rotate_keys."
        )


def _not_beside() -> int:
    """Rows of rotations that were given up between the row and its sidecar: whoever has no database has the old one."""
    shares = UpkeepShare.objects.filter(run__kind=UpkeepRun.Kind.REWRAP).exclude(in_flight=[])
    return sum(len(in_flight) for in_flight in shares.values_list("in_flight", flat=True))


def _arriving(record: KekRecord) -> int:
    """Intents name the primary that they are sealed for; for which recovery KEK nobody knows before they are there."""
    arriving = StagedAttachment.objects.filter(state=StagedAttachment.State.RECEIVING)
    if record.purpose != KekRecord.Purpose.RECOVERY:
        arriving = arriving.filter(kek_id=record.kek_id)
    return arriving.count()


def _recipients(model: Table) -> Iterator[tuple[bytes, ...] | None]:
    """Of every row that was sealed in this format: its recipients, None where its key block cannot be read."""
    sealed = model._default_manager.exclude(envelope_core=b"").order_by()
    for block in sealed.values_list("key_block", flat=True).iterator(chunk_size=500):
        try:
            yield recipients_of(bytes(block))
        except MalformedEnvelope:
            yield None
