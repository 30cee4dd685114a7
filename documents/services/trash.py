"""The trash of a store: where an object waits that nobody needs, under ``trash/`` and its own key.

Moving is copying, comparing what was read back from both, and deleting the original last. What has reached the trash
leaves it in one way alone: when its time is over, and then only where nobody needs it, or the original is there and
equal. Moving back leaves the copy in the trash until then. So whatever two collectors do at once, or one that was
stopped for an hour, of an object that is needed there is always one copy that nobody deletes.
"""

import structlog

from documents.errors import IntegrityMismatch, ObjectExists, ObjectNotFound
from documents.failpoints import failpoint
from documents.models import Sighting
from documents.models.clock import database_now
from documents.services import references
from documents.services.keys import trash_key
from documents.storage.base import StorageProvider
from documents.storage.capabilities import Copying
from documents.storage.streaming import object_checksum, pieces_of

log = structlog.get_logger(__name__)
State = Sighting.State


def move_to_trash(provider: StorageProvider, sighting: Sighting) -> bool:
    """Move an object that was seen twice. Returns False where it is needed after all, or another collector moved it.

    Raises IntegrityMismatch where the copy is not the object, ObjectNotFound where it has gone, or another
    StorageError. Safe to repeat after a crash at any line: a copy that exists is compared, not made again.
    """
    key = sighting.storage_path
    row = Sighting.objects.filter(pk=sighting.pk, state=State.SEEN, first_seen_at=sighting.first_seen_at)
    copy_verified(provider, key, trash_key(key))
    failpoint("collect.copied")
    # Copying takes a while; the rows have the last word. The copy stays: the trash clears itself.
    if references.needed([key]):
        row.delete()
        return False
    if not row.update(state=State.TRASHED, trashed_at=database_now()):
        return False
    failpoint("collect.row-trashed")
    provider.delete(key)
    failpoint("collect.original-deleted")
    log.info("object_trashed", provider=provider.name, key=key, size=sighting.size)
    return True


def move_back(provider: StorageProvider, sighting: Sighting) -> None:
    """Copy an object back to its own key. The copy in the trash stays until its time, counted anew, is over.

    Raises as ``move_to_trash`` does. Safe to repeat.
    """
    key = sighting.storage_path
    now = database_now()
    # First: whoever is about to delete it from the trash finds another time in the row, and leaves it. And where nobody
    # comes to need it, it counts as seen for the first time.
    Sighting.objects.filter(pk=sighting.pk).update(state=State.TRASHED, trashed_at=now, first_seen_at=now)
    failpoint("collect.return-begun")
    copy_verified(provider, trash_key(key), key)
    failpoint("collect.returned")
    log.warning("object_returned", provider=provider.name, key=key)


def purge(provider: StorageProvider, sighting: Sighting) -> bool:
    """Delete an object from the trash for good. Returns False where another collector took it.

    The caller has looked at the rows. Killed in between, the object is found without a row, and waits once more.
    """
    key = sighting.storage_path
    mine = Sighting.objects.filter(pk=sighting.pk, state=State.TRASHED, trashed_at=sighting.trashed_at)
    if not mine.delete()[0]:
        return False
    failpoint("collect.row-purged")
    provider.delete(trash_key(key))
    failpoint("collect.purged")
    log.info("object_purged", provider=provider.name, key=key)
    return True


def is_back(provider: StorageProvider, key: str) -> bool:
    """Whether the original of what is in the trash is there. Raises IntegrityMismatch where it is another object."""
    if not provider.exists(key):
        return False
    _compare(provider, key, trash_key(key), object_checksum(provider, key))
    return True


def copy_verified(provider: StorageProvider, source: str, key: str) -> None:
    """Copy within the store, and read both back. A copy that is there already is compared.

    Raises IntegrityMismatch where they differ, and leaves both: which one is right is not for the collector to say.
    """
    try:
        if isinstance(provider, Copying):
            provider.copy(source, key)
            checksum = object_checksum(provider, source)
        else:
            with provider.open(source) as reader:
                # Taken of the original's bytes as they pass.
                checksum = provider.put_stream(key, pieces_of(reader)).checksum
    except ObjectExists:
        checksum = object_checksum(provider, source)
    _compare(provider, source, key, checksum)


def _compare(provider: StorageProvider, source: str, key: str, checksum: str) -> None:
    if object_checksum(provider, key) != checksum:
        raise IntegrityMismatch(
            f"The copy {key!r} is not what {source!r} is",
            provider=provider.name,
            key=source,
            hint="Both are kept. Look at both, delete the copy if it is the damaged one, and see to the store",
        )


def restore(provider: StorageProvider, key: str) -> bool:
    """Move one object back by hand. Returns False where the trash has no such object."""
    try:
        info = provider.head(trash_key(key))
    except ObjectNotFound:
        return False
    move_back(provider, adopted(provider, key, size=info.size, etag=info.etag))
    return True


def adopted(provider: StorageProvider, key: str, *, size: int, etag: str) -> Sighting:
    """Return the row of an object in the trash, made where this database has none: its time begins now."""
    now = database_now()
    return Sighting.objects.get_or_create(
        storage_type=provider.name,
        storage_path=key,
        defaults={
            "size": size,
            "etag": etag,
            "state": State.TRASHED,
            "first_seen_at": now,
            "trashed_at": now,
        },
    )[0]
