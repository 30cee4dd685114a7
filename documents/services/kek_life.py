"""The life of a KEK: made, made primary, retired, destroyed. Each step is audited; none needs a restart.

made → it opens and does not seal → primary (``designate``; what others sealed is rewrapped by a run, ``upkeep.rewrap``)
→ older: it opens → retired, once nothing is wrapped for it → destruction asked for → destroyed after a while
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.db import transaction
from django.db.models import Q, QuerySet

from documents import keymaking
from documents.encryption.keyring import Kek
from documents.errors import ConfigurationError, KekRefused, KeyRingError
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.keyservice.attached import key_service
from documents.keyservice.protocol import every_kek_id
from documents.models import KekRecord, UpkeepRun
from documents.models.clock import database_now
from documents.models.upkeep import UNFINISHED
from documents.services import audit
from documents.services.actors import Actor
from documents.services.kek_proof import demand_older, prove_unused
from documents.services.kek_standing import note_sealed_once, note_seen
from documents.services.sealing_keks import is_outdated, target_of
from documents.wiring import vault_config


def create_kek(actor: Actor, *, bits: int, wrap: str) -> KekRecord:
    """Make a KEK that every process opens with, and none seals with yet. ``wrap`` is one of ``WRAP_NAMES``.

    Raises ConfigurationError where a key service is to hold private keys, OSError, KeyRingError.
    """
    if vault_config().keys.service:
        raise ConfigurationError(
            "A key service holds the private keys of this vault: make the KEK there (python -m documents.keyservice "
            "create-kek, or AWS KMS), and put its public half into older/ here."
        )
    kek = keymaking.add_kek(vault_config().keys, bits=bits, wrap=wrap)
    return _note_created(kek, KekRecord.Purpose.PRIMARY, actor)


def create_recovery_kek(actor: Actor, recovery_dir: Path, *, bits: int, wrap: str) -> tuple[KekRecord, Path]:
    """Make a recovery KEK; returns the file of its private half, to be taken off the machine. Raises OSError."""
    kek, private = keymaking.add_recovery_kek(vault_config().keys, recovery_dir, bits=bits, wrap=wrap)
    return _note_created(kek, KekRecord.Purpose.RECOVERY, actor), private


def demand_fit(primary: Kek, recovery: Sequence[Kek]) -> None:
    """Raises KekRefused where it would not be safe that these seal from now on."""
    ring = key_ring()
    if here := [kek.kek_id.hex()[:16] for kek in recovery if kek not in ring.recovery and kek.opener]:
        raise KekRefused(
            f"The private half of {', '.join(here)} is here: a recovery KEK's is offline, and was never on a server. "
            "Make one with create_kek --recovery."
        )
    if primary != ring.primary and primary.kek_id not in ring.opens:
        raise KekRefused(
            f"The private half of {primary.kek_id.hex()[:16]} is not here: nothing sealed for it could be opened."
        )


def make_primary(primary: Kek, recovery: Sequence[Kek], actor: Actor, *, run: UpkeepRun | None = None) -> None:
    """Seal with these KEKs from now on, in every process that reads these key files.

    They are back in use before the key directory names them, so that none is destroyed meanwhile, and the others are
    replaced after it: whoever dies in between has changed nothing that keeps people from uploading. Raises KekRefused
    for a KEK whose destruction has begun, and where the ``run`` that was to rewrap for them is over; OSError.
    """
    seal = (primary, *recovery)
    note_seen(seal)
    if not is_outdated(ring := key_ring()):
        note_sealing(ring.primary, ring.recovery, actor)
    note_sealed_once(besides=seal)
    _take_back_into_use([kek.kek_id.hex() for kek in seal], actor, run)
    if ring.recipients != seal:
        primary_id, *others = [kek.kek_id.hex() for kek in seal]
        keymaking.designate(vault_config().keys, primary=primary_id, recovery=others)
    failpoint("kek.designated")
    note_sealing(primary, recovery, actor, run=run)


def note_sealing(primary: Kek, recovery: Sequence[Kek], actor: Actor, *, run: UpkeepRun | None = None) -> None:
    """Have the records say which KEKs seal, and that the others are replaced. Audited where that is news.

    Safe to repeat. Raises KekRefused where the ``run`` that rewraps for them is over: others may seal by now.
    """
    note_seen((primary, *recovery))
    ids = [kek.kek_id.hex() for kek in (primary, *recovery)]
    with transaction.atomic(durable=True):
        _demand_unfinished(run)
        _locked(ids)
        _note_role(KekRecord.Purpose.PRIMARY, ids[:1], actor)
        _note_role(KekRecord.Purpose.RECOVERY, ids[1:], actor)
        sealed_once = KekRecord.objects.exclude(made_primary_at=None, made_recovery_at=None)
        sealed_once.exclude(kek_id__in=ids).filter(replaced_at=None).update(replaced_at=database_now())


def _note_role(role: KekRecord.Purpose, ids: Sequence[str], actor: Actor) -> None:
    since = f"made_{role}_at"
    for kek_id in ids:
        _keep(KekRecord.objects.filter(kek_id=kek_id, destruction_begun_at=None), actor)
        news = KekRecord.objects.filter(kek_id=kek_id).filter(Q(**{since: None}) | Q(replaced_at__isnull=False))
        if news.update(**{since: database_now(), "replaced_at": None, "purpose": role}):
            audit.record(f"kek.made_{role}", actor, kek=kek_id)


def note_as_designated(run: UpkeepRun, actor: Actor) -> None:
    """As ``note_sealing`` for a rotation whose KEKs are those of this process's ring; nothing where they are not."""
    try:
        ring = key_ring()
    except (KeyRingError, ConfigurationError):
        return
    if target_of(ring.recipients) == run.options["recipients"]:
        with suppress(KekRefused):  # it is over already
            note_sealing(ring.primary, ring.recovery, actor, run=run)


def _locked(ids: Sequence[str]) -> list[KekRecord]:
    """In one order, whoever locks them."""
    return list(KekRecord.objects.select_for_update(of=("self",)).filter(kek_id__in=ids).order_by("pk"))


def _demand_unfinished(run: UpkeepRun | None) -> None:
    runs = UpkeepRun.objects.select_for_update(of=("self",)).filter(state__in=UNFINISHED)
    if run is not None and not runs.filter(pk=run.pk).first():
        raise KekRefused(f"Run {run.pk} is over. Begin another one: rotate_keys.")


def _take_back_into_use(ids: Sequence[str], actor: Actor, run: UpkeepRun | None) -> None:
    with transaction.atomic(durable=True):
        _demand_unfinished(run)
        for record in _locked(ids):
            if record.destruction_begun_at is not None:
                raise KekRefused(f"KEK {record} is destroyed, or being destroyed: nothing is sealed for it any more.")
            _keep(KekRecord.objects.filter(pk=record.pk), actor)


def _keep(records: "QuerySet[KekRecord]", actor: Actor) -> None:
    """Have those that are retired back in use. Inside a transaction."""
    for kek_id in records.filter(retired_at__isnull=False).values_list("kek_id", flat=True):
        KekRecord.objects.filter(kek_id=kek_id).update(retired_at=None, destruction_due_at=None)
        audit.record("kek.kept", actor, kek=kek_id)


def retire_kek(record: KekRecord, actor: Actor) -> int:
    """Say that nothing needs the KEK any more, having looked at every key block. Returns how many were looked at.

    Raises KekRefused for the primary and a recovery KEK of the ring, KekInUse with the counts while anything is wrapped
    for it.
    """
    before = KekRecord.objects.get(pk=record.pk)
    looked_at = prove_unused(record)
    with transaction.atomic(durable=True):
        # Once more, and locked: the proof may take an hour, in which somebody may have made it primary again.
        now = KekRecord.objects.select_for_update(of=("self",)).get(pk=record.pk)
        demand_older(now)
        if (now.made_primary_at, now.made_recovery_at) != (before.made_primary_at, before.made_recovery_at):
            raise KekRefused(f"KEK {record} was made primary or recovery meanwhile. Nothing was changed.")
        if KekRecord.objects.filter(pk=record.pk, retired_at=None).update(
            retired_at=database_now(), destruction_due_at=None
        ):
            audit.record("kek.retired", actor, kek=record.kek_id, looked_at=looked_at)
    record.refresh_from_db()
    return looked_at


def ask_to_destroy(record: KekRecord, actor: Actor) -> None:
    """The first step of two: from ``destruction_due_at`` on the KEK may be destroyed. Raises KekRefused, KekInUse."""
    demand_retired(record)
    looked_at = prove_unused(record)
    with transaction.atomic(durable=True):
        # Once more, and locked: it may have been made primary again meanwhile, or kept.
        now = KekRecord.objects.select_for_update(of=("self",)).get(pk=record.pk)
        demand_older(now)
        demand_retired(now)
        due = database_now() + vault_config().keys.destruction_delay
        if KekRecord.objects.filter(pk=record.pk, destruction_due_at=None).update(destruction_due_at=due):
            audit.record("kek.destruction_asked", actor, kek=record.kek_id, looked_at=looked_at)
    record.refresh_from_db()


def keep_after_all(record: KekRecord, actor: Actor) -> None:
    """Take the first step back. Raises KekRefused where there was none, or it is destroyed."""
    with transaction.atomic(durable=True):
        asked = KekRecord.objects.filter(pk=record.pk, destruction_due_at__isnull=False, destruction_begun_at=None)
        if not asked.update(destruction_due_at=None, retired_at=None):
            raise KekRefused(f"Nobody asked to destroy KEK {record}, or it is destroyed, or being destroyed.")
        audit.record("kek.kept", actor, kek=record.kek_id)
    record.refresh_from_db()


def destroy_kek(record: KekRecord, actor: Actor) -> list[Path]:
    """The second step: every file of the key directory that holds the KEK is deleted. Returns which.

    Nothing of it is undone. Raises KekRefused before its time, where the first step was taken back, and while a key
    service holds it, KekInUse where something is wrapped for it again, KeyServiceUnavailable, OSError. Safe to repeat:
    the audit log has the intent before the deletion and its end after it.
    """
    demand_due(record)
    looked_at = prove_unused(record)
    _prove_gone_elsewhere(record)
    with transaction.atomic(durable=True):
        # Once more, and locked: the proof may take an hour, in which somebody may have kept it after all.
        locked = KekRecord.objects.select_for_update(of=("self",)).get(pk=record.pk)
        demand_due(record)
        demand_older(record)
        if locked.destruction_begun_at is None:
            KekRecord.objects.filter(pk=record.pk).update(destruction_begun_at=database_now())
        audit.record("kek.destruction_begun", actor, kek=record.kek_id, looked_at=looked_at)
    failpoint("kek.destruction-begun")
    deleted = keymaking.delete_kek(vault_config().keys, record.kek_id)
    failpoint("kek.files-deleted")
    with transaction.atomic(durable=True):
        if KekRecord.objects.filter(pk=record.pk, destroyed_at=None).update(destroyed_at=database_now()):
            audit.record("kek.destroyed", actor, kek=record.kek_id, files=len(deleted))
    record.refresh_from_db()
    return deleted


def demand_retired(record: KekRecord) -> None:
    """Raises KekRefused before the first step of a destruction may be taken, whatever needs the KEK."""
    if record.retired_at is None:
        raise KekRefused(f"KEK {record} is not retired. Retire it first: it is shown then that nothing needs it.")


def demand_due(record: KekRecord) -> None:
    """Raises KekRefused before the second step may be taken, whatever needs the KEK. Reads the record again."""
    record.refresh_from_db()
    due = record.destruction_due_at
    if record.retired_at is None or due is None:
        raise KekRefused(f"Nobody asked to destroy KEK {record}, or it was kept after all. Begin with destroy_kek.")
    if due > database_now():
        raise KekRefused(f"KEK {record} may be destroyed from {due:%Y-%m-%d %H:%M} UTC on, not before.")


def _prove_gone_elsewhere(record: KekRecord) -> None:
    """What a key service still opens with is not destroyed, whatever is deleted here."""
    service = vault_config().keys.service
    if service and bytes.fromhex(record.kek_id) in every_kek_id(key_service(service)):
        raise KekRefused(
            f"The key service still holds KEK {record}. Delete its private half there, and its backups; in AWS KMS "
            "schedule its deletion and take it out of VAULT_KMS_KEYS. Then come again."
        )


def _note_created(kek: Kek, purpose: KekRecord.Purpose, actor: Actor) -> KekRecord:
    failpoint("kek.file-written")
    kek_id = kek.kek_id.hex()
    with transaction.atomic(durable=True):
        described = {"purpose": purpose, "wrap_type": kek.stanza_type, "bits": kek.bits}
        record, _made = KekRecord.objects.get_or_create(kek_id=kek_id, defaults=described)
        audit.record("kek.created", actor, kek=kek_id, purpose=purpose.value, bits=kek.bits)
    return record
