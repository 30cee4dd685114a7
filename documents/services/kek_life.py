"""The life of a KEK: made, made primary, retired, destroyed. Each step is audited; none needs a restart.

made → it opens and does not seal → primary (``designate``; what others sealed is rewrapped by a run, ``upkeep.rewrap``)
→ older: it opens → retired, once nothing is wrapped for it → destruction asked for → destroyed after a while
"""

from collections.abc import Sequence
from pathlib import Path

from django.db import transaction

from documents import keymaking
from documents.encryption.keyring import Kek
from documents.errors import ConfigurationError, KekRefused
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.keyservice.attached import key_service
from documents.models import KekRecord
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import Actor
from documents.services.kek_proof import prove_unused
from documents.services.kek_standing import list_keks
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


def make_primary(primary: Kek, recovery: Sequence[Kek], actor: Actor) -> None:
    """Seal with these KEKs from now on, in every process that reads these key files. Raises OSError.

    The record says so first: for a while both primaries may seal (``sealing_keks.GRACE``).
    """
    list_keks()  # so that there are records
    _note(primary.kek_id.hex(), actor)
    keymaking.designate(
        vault_config().keys, primary=primary.kek_id.hex(), recovery=[kek.kek_id.hex() for kek in recovery]
    )
    failpoint("kek.designated")


def note_primary(actor: Actor) -> None:
    """Have the record say which KEK is primary in this process's ring. Audited where that is news; safe to repeat."""
    list_keks()
    _note(key_ring().primary.kek_id.hex(), actor)


def _note(primary: str, actor: Actor) -> None:
    with transaction.atomic(durable=True):
        newest = KekRecord.objects.filter(made_primary_at__isnull=False).order_by("-made_primary_at").first()
        if newest is None or newest.kek_id != primary:
            KekRecord.objects.filter(kek_id=primary).update(
                made_primary_at=database_now(), retired_at=None, destruction_due_at=None
            )
            audit.record("kek.made_primary", actor, kek=primary)


def retire_kek(record: KekRecord, actor: Actor) -> int:
    """Say that nothing needs the KEK any more, having looked at every key block. Returns how many were looked at.

    Raises KekRefused for the primary and a recovery KEK of the ring, KekInUse with the counts while anything is wrapped
    for it.
    """
    looked_at = prove_unused(record)
    with transaction.atomic(durable=True):
        if KekRecord.objects.filter(pk=record.pk, retired_at=None).update(retired_at=database_now()):
            audit.record("kek.retired", actor, kek=record.kek_id, looked_at=looked_at)
    record.refresh_from_db()
    return looked_at


def ask_to_destroy(record: KekRecord, actor: Actor) -> None:
    """The first step of two: from ``destruction_due_at`` on the KEK may be destroyed. Raises KekRefused, KekInUse."""
    if record.retired_at is None:
        raise KekRefused(f"KEK {record} is not retired. Retire it first: it is shown then that nothing needs it.")
    looked_at = prove_unused(record)
    with transaction.atomic(durable=True):
        due = database_now() + vault_config().keys.destruction_delay
        if KekRecord.objects.filter(pk=record.pk, destruction_due_at=None).update(destruction_due_at=due):
            audit.record("kek.destruction_asked", actor, kek=record.kek_id, looked_at=looked_at)
    record.refresh_from_db()


def keep_after_all(record: KekRecord, actor: Actor) -> None:
    """Take the first step back. Raises KekRefused where there was none, or it is destroyed."""
    with transaction.atomic(durable=True):
        asked = KekRecord.objects.filter(pk=record.pk, destruction_due_at__isnull=False, destroyed_at=None)
        if not asked.update(destruction_due_at=None, retired_at=None):
            raise KekRefused(f"Nobody asked to destroy KEK {record}, or it is destroyed.")
        audit.record("kek.kept", actor, kek=record.kek_id)
    record.refresh_from_db()


def destroy_kek(record: KekRecord, actor: Actor) -> list[Path]:
    """The second step: every file of the key directory that holds the KEK is deleted. Returns which.

    Nothing of it is undone. Raises KekRefused before its time, where the first step was taken back, and while a key
    service holds it, KekInUse where something is wrapped for it again, KeyServiceUnavailable, OSError. Safe to repeat:
    the audit log has the intent before the deletion and its end after it.
    """
    _demand_due(record)
    looked_at = prove_unused(record)
    _prove_gone_elsewhere(record)
    with transaction.atomic(durable=True):
        # Once more, and locked: the proof may take an hour, in which somebody may have kept it after all.
        KekRecord.objects.select_for_update(of=("self",)).get(pk=record.pk)
        _demand_due(record)
        audit.record("kek.destruction_begun", actor, kek=record.kek_id, looked_at=looked_at)
    failpoint("kek.destruction-begun")
    deleted = keymaking.delete_kek(vault_config().keys, record.kek_id)
    failpoint("kek.files-deleted")
    with transaction.atomic(durable=True):
        if KekRecord.objects.filter(pk=record.pk, destroyed_at=None).update(destroyed_at=database_now()):
            audit.record("kek.destroyed", actor, kek=record.kek_id, files=len(deleted))
    record.refresh_from_db()
    return deleted


def _demand_due(record: KekRecord) -> None:
    record.refresh_from_db()
    due = record.destruction_due_at
    if record.retired_at is None or due is None:
        raise KekRefused(f"Nobody asked to destroy KEK {record}, or it was kept after all. Begin with destroy_kek.")
    if due > database_now():
        raise KekRefused(f"KEK {record} may be destroyed from {due:%Y-%m-%d %H:%M} UTC on, not before.")


def _prove_gone_elsewhere(record: KekRecord) -> None:
    """What a key service still opens with is not destroyed, whatever is deleted here."""
    service = vault_config().keys.service
    if service and bytes.fromhex(record.kek_id) in key_service(service).kek_ids():
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
