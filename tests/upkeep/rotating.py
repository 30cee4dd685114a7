"""What tests of rotation do again and again."""

from documents.encryption.recipients import recipients_of
from documents.key_rings import key_ring
from documents.models import Attachment, Document, UpkeepRun
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.sidecars import read_sidecars
from documents.upkeep.rewrap import begin_rewrapping
from documents.upkeep.worker import work_on
from documents.wiring import storage_provider

OPERATOR = Actor(user=None, via="command")


def make_primary(kek_id: str) -> None:
    """Seal with this KEK of the ring from now on."""
    ring = key_ring()
    primary = next(kek for kek in (ring.primary, *ring.older) if kek.kek_id.hex() == kek_id)
    kek_life.make_primary(primary, ring.recovery, OPERATOR)


def rotate(kek_id: str) -> UpkeepRun:
    """Make it primary, and rewrap everything in this process."""
    make_primary(kek_id)
    run = begin_rewrapping(OPERATOR)
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
