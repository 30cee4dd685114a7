"""What tests of rotation do again and again."""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType

import pytest
from django.db.models import F

from documents.conf import KeySources
from documents.encryption.recipients import recipients_of
from documents.encryption.vectors.keys import kek_id
from documents.key_rings import key_ring
from documents.models import Attachment, Document, KekRecord, UpkeepRun
from documents.models.clock import database_now
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.kek_standing import find_record
from documents.services.sidecars import read_sidecars
from documents.upkeep.rewrap import begin_rewrapping
from documents.upkeep.worker import work_on
from documents.wiring import storage_provider
from tests.keyring import public_pem
from tests.upkeep.keys import NEW_PRIMARY

OPERATOR = Actor(user=None, via="command")


def make_primary(kek_id: str) -> None:
    """Seal with this KEK of the ring from now on."""
    ring = key_ring()
    primary = next(kek for kek in (ring.primary, *ring.older) if kek.kek_id.hex() == kek_id)
    kek_life.make_primary(primary, ring.recovery, OPERATOR)


def rotate(kek_id: str) -> UpkeepRun:
    """Make it primary, and rewrap everything in this process."""
    make_primary(kek_id)
    return done(begin_rewrapping(OPERATOR))


def done(run: UpkeepRun) -> UpkeepRun:
    """Work on it in this process till it is over, and return it as it is then."""
    work_on(run.pk)
    run.refresh_from_db()
    return run


def attachment_of(document: Document) -> Attachment:
    """The document's current attachment, as the database has it now."""
    return Attachment.objects.get(document=document)


def recipients_in_row(attachment: Attachment) -> list[str]:
    """The KEK ids in the row's key block, in hex."""
    return [kek_id.hex() for kek_id in recipients_of(bytes(attachment.key_block))]


def sidecars_of(attachment: Attachment) -> list[bytes]:
    """What stands beside its object, the newest first."""
    return read_sidecars(storage_provider(attachment.storage_type), attachment.pk)


def hours_pass() -> None:
    """Every KEK that was replaced was so two hours earlier."""
    KekRecord.objects.filter(replaced_at__isnull=False).update(replaced_at=F("replaced_at") - timedelta(hours=2))


def destroyed(old: str, operator: Actor) -> KekRecord:
    record = find_record(old)
    kek_life.retire_kek(record, operator)
    kek_life.ask_to_destroy(record, operator)
    KekRecord.objects.filter(pk=record.pk).update(destruction_due_at=database_now())
    kek_life.destroy_kek(record, operator)
    return record


def dies_at(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    then: Callable[[], object] | None = None,
    *,
    module: ModuleType = kek_life,
) -> None:
    """The process ends at this failpoint of the module, or does something there first and goes on."""

    def reached(now: str) -> None:
        if now == name and then:
            then()
        elif now == name:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "failpoint", reached)


def add_recovery(keys: KeySources) -> str:
    """The waiting key becomes one for recovery: its public half alone is here."""
    (keys.directory / "older" / "waiting.pem").unlink()
    (keys.directory / "older" / "recovery-2.pub.pem").write_bytes(public_pem(NEW_PRIMARY))
    return kek_id(NEW_PRIMARY).hex()
