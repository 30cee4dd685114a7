"""Which KEKs there are, what the ring uses each for, and how much is wrapped for it."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Count, F

from documents.encryption.keyblock import WRAP_TYPES
from documents.encryption.keyring import Kek, KeyRing
from documents.encryption.recipients import is_readable, recipients_of, wrap_type_of
from documents.errors import KekRefused
from documents.key_rings import key_ring
from documents.keysources import kek_files
from documents.models import Attachment, KekRecord, Payload, StagedAttachment
from documents.wiring import vault_config

# What people and settings call the stanza types (FORMAT.md §5).
WRAP_NAMES = {number: name for name, number in WRAP_TYPES.items()}
# So many rows of a group are looked at for one whose key block can be read.
_TRIED = 20
# Whatever is wrapped for KEKs and has a row.
Table = type[Attachment] | type[Payload] | type[StagedAttachment]
# In the order in which an upload moves from one to the other.
TABLES: tuple[Table, ...] = (StagedAttachment, Payload, Attachment)


@dataclass(frozen=True, slots=True)
class KekStanding:
    """A KEK as an operator sees it. ``attachments`` and ``payloads`` have a stanza for it in their key blocks.

    ``role`` is primary, recovery, older, or absent: wrapped for, and not in the ring of this process. One that
    ``is_too_weak`` opens nothing, whatever is there of it.
    """

    record: KekRecord
    role: str
    opens: bool
    attachments: int
    payloads: int
    staged: int
    is_too_weak: bool

    @property
    def under_it(self) -> int:
        """How many rows of the database are wrapped for it."""
        return self.attachments + self.payloads + self.staged


def list_keks() -> list[KekStanding]:
    """Return every KEK of the ring, every other that a row is wrapped for, and those of the past; the primary first.

    Raises KeyRingError or ConfigurationError.
    """
    ring = key_ring()
    counts = {model: _counts(model) for model in TABLES}
    loaded = {kek.kek_id.hex(): kek for kek in (*ring.recipients, *ring.older)}
    past = KekRecord.objects.order_by("-created_at").values_list("kek_id", flat=True)
    ids = dict.fromkeys([*loaded, *(kek_id for count in counts.values() for kek_id in count), *past])
    records = _records(ids, loaded, ring)
    return [
        KekStanding(
            record=records[kek_id],
            role=role_of(kek_id, ring),
            opens=bytes.fromhex(kek_id) in ring.opens,
            attachments=counts[Attachment][kek_id],
            payloads=counts[Payload][kek_id],
            staged=counts[StagedAttachment][kek_id],
            is_too_weak=not ring.accepts(records[kek_id].wrap_type),
        )
        for kek_id in ids
    ]


def note_seen(keks: Iterable[Kek]) -> None:
    """Have a record of each."""
    loaded = {kek.kek_id.hex(): kek for kek in keks}
    _records(loaded, loaded, key_ring())


def note_sealed_once(*, besides: Collection[Kek]) -> None:
    """Have the records say of every other KEK that a row is wrapped for that it sealed.

    Nobody may have noted it while it did: where keys come out of the environment no command comes before the change.
    """
    ring, passed_by = key_ring(), {kek.kek_id for kek in besides}
    loaded = {kek.kek_id.hex(): kek for kek in (*ring.recipients, *ring.older)}
    found = {recipients_of(block) for model in TABLES for block, _count in _groups(model)}
    primary = {ids[0] for ids in found}
    recovery = {kek_id for ids in found for kek_id in ids[1:]} - primary
    for purpose, ids in ((KekRecord.Purpose.PRIMARY, primary), (KekRecord.Purpose.RECOVERY, recovery)):
        since = f"made_{purpose}_at"
        named = [kek_id.hex() for kek_id in ids - passed_by]
        _records(named, loaded, ring)
        unnoted = KekRecord.objects.filter(kek_id__in=named, made_primary_at=None, made_recovery_at=None)
        unnoted.update(**{since: F("created_at"), "purpose": purpose})


def role_of(kek_id: str, ring: KeyRing) -> str:
    """Return what the ring uses the KEK for."""
    if ring.primary.kek_id.hex() == kek_id:
        return "primary"
    if kek_id in {kek.kek_id.hex() for kek in ring.recovery}:
        return "recovery"
    return "older" if kek_id in {kek.kek_id.hex() for kek in ring.older} else "absent"


def wrap_types() -> dict[int, int]:
    """Return how many attachments are wrapped by each stanza type (FORMAT.md §5)."""
    found: Counter[int] = Counter()
    for block, count in _groups(Attachment):
        found[wrap_type_of(block)] += count
    return dict(found)


def find_record(begin: str) -> KekRecord:
    """Return the KEK whose id begins so. Raises KekRefused where none does, or several."""
    list_keks()
    wanted = begin.lower().removeprefix("sha256:")
    # What is not hex may be no text that a database takes: a shell gives bytes that are not UTF-8 as lone surrogates.
    is_hex = re.fullmatch(r"[0-9a-f]+", wanted) is not None
    found = list(KekRecord.objects.filter(kek_id__startswith=wanted)[:2]) if is_hex else []
    if len(found) != 1:
        raise KekRefused(
            f"{'No KEK' if not found else 'More than one KEK'} has an id that begins with {begin!r}. See list_keks."
        )
    return found[0]


def file_of(kek_id: str) -> list[Path]:
    """Return the key files that hold the KEK, or its public half."""
    return kek_files(vault_config().keys).get(kek_id, [])


def _groups(model: Table) -> Iterator[tuple[bytes, int]]:
    """A key block of each group of rows that are wrapped for the same KEKs, and how many those are.

    A block that was damaged since stands for none.
    """
    rows = model._default_manager.order_by().exclude(recipients="")
    for digest, count in rows.values_list("recipients").annotate(count=Count("pk")):
        for block in rows.filter(recipients=digest).values_list("key_block", flat=True)[:_TRIED]:
            if is_readable(bytes(block)):
                yield bytes(block), count
                break


def _counts(model: Table) -> Counter[str]:
    found: Counter[str] = Counter()
    for block, count in _groups(model):
        for kek_id in recipients_of(block):
            found[kek_id.hex()] += count
    if model is Attachment:
        # An older envelope has no key block; its row says which KEK opened it.
        in_place = Attachment.objects.in_place().order_by().values_list("kek_id").annotate(count=Count("pk"))
        found.update(dict(in_place))
    return found


def _records(ids: Iterable[str], loaded: Mapping[str, Kek], ring: KeyRing) -> dict[str, KekRecord]:
    """The records of these KEKs; one that was never seen gets its record now."""
    known = {record.kek_id: record for record in KekRecord.objects.filter(kek_id__in=list(ids))}
    for kek_id in ids:
        if kek_id not in known:
            made = _described(loaded.get(kek_id), role_of(kek_id, ring))
            known[kek_id] = KekRecord.objects.get_or_create(kek_id=kek_id, defaults=made)[0]
    return known


def _described(kek: Kek | None, role: str) -> dict[str, object]:
    purpose = KekRecord.Purpose.RECOVERY if role == "recovery" else KekRecord.Purpose.PRIMARY
    described: dict[str, object] = {"purpose": purpose}
    if kek is not None:
        described |= {"wrap_type": kek.stanza_type, "bits": kek.bits}
    return described
