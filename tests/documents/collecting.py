"""A store in memory whose clock can be moved, and the passing of time for rows and objects alike."""

from dataclasses import replace
from datetime import timedelta

from django.db.models import F

from documents.models import Attachment, Payload, Sighting, StagedAttachment
from documents.services.actors import SYSTEM
from documents.services.audit import record
from documents.services.collection import Wish, collect
from documents.services.collection_report import StoreReport
from documents.services.keys import attachment_id_in
from documents.storage.base import ObjectInfo
from documents.storage.memory import MemoryProvider

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ORPHAN = "documents/user_1/2026/01/02/11111111-2222-4333-8444-555555555555.vlt"


def orphan_key(number: int) -> str:
    """One of 10,000 keys that are in the order of their numbers."""
    return ORPHAN.replace("1111-", f"{number:04}-")


class ClockedStore(MemoryProvider):
    """``skew`` is how far the clock of this store is ahead."""

    skew = timedelta()

    def _put(self, key: str, data: bytes) -> ObjectInfo:
        super()._put(key, data)
        return self._dated(key, self.skew)

    def grow_older(self, by: timedelta) -> None:
        for key in list(self._objects):
            self._dated(key, -by)

    def _dated(self, key: str, by: timedelta) -> ObjectInfo:
        stored = self._objects[key]
        info = replace(stored.info, modified_at=stored.info.modified_at + by)
        self._objects[key] = replace(stored, info=info)
        return info


def let_pass(by: timedelta, store: ClockedStore) -> None:
    """Move everything that has a date into the past: that is time passing."""
    store.grow_older(by)
    Sighting.objects.update(first_seen_at=F("first_seen_at") - by)
    Sighting.objects.filter(trashed_at__isnull=False).update(trashed_at=F("trashed_at") - by)
    StagedAttachment.objects.update(created_at=F("created_at") - by, expires_at=F("expires_at") - by)
    Payload.objects.update(due_at=F("due_at") - by)
    Payload.objects.filter(unheld_since__isnull=False).update(unheld_since=F("unheld_since") - by)


def collected(**wish: object) -> StoreReport:
    """One pass; the report of the one store."""
    [report] = collect(Wish(**wish))  # type: ignore[arg-type]
    return report


def keys_of(store: MemoryProvider, prefix: str = "documents/") -> list[str]:
    return [info.key for info in store.iter_locations(prefix)]


def heard_of(key: str) -> None:
    """An audit event of this database names the attachment."""
    record("upload.failed", SYSTEM, attachment_id=attachment_id_in(key))


def forget(attachment: Attachment) -> None:
    """An older database is in use, to which this attachment is unknown."""
    Attachment.objects.filter(pk=attachment.pk).delete()


def know_again(attachment: Attachment) -> None:
    """The newer one is back."""
    attachment.save(force_insert=True)
