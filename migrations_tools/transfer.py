"""Moving one object: copied as it is, read back from the destination, and compared. No row and no key is touched.

The digest is the row's, taken when the object was sealed. So a source that was damaged since is told from a copy that
went wrong, and neither is ever taken for good.
"""

import hashlib
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from uuid import UUID

from documents.errors import ObjectExists, ObjectNotFound, StorageError
from documents.failpoints import failpoint
from documents.services.sidecars import SIDECARS, keep_sidecar
from documents.storage.base import StorageProvider
from documents.storage.streaming import pieces_of
from migrations_tools.errors import CopyDamaged, CopyLost, DestinationTaken, SourceDamaged, SourceLost
from migrations_tools.pace import Pace


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be copied. ``size`` in bytes and ``digest``, SHA-256 in hex, are those of the sealed object.

    ``with_sidecars`` is false where the source has none at all, so that not every object costs a listing. ``key_block``
    is the row's, which goes beside the copy where the object's own header has an older one.
    """

    object_id: UUID
    source_path: str
    destination_path: str
    size: int
    digest: str
    with_sidecars: bool = True
    key_block: bytes = b""


def copy_object(source: StorageProvider, destination: StorageProvider, order: Order, pace: Pace) -> None:
    """Have an equal object at the destination, read back from there.

    What is there already is compared and not written again: a copy of an earlier attempt, one whose answer was lost,
    or the source of an earlier run, kept. Raises SourceDamaged, SourceLost, CopyDamaged, CopyLost, DestinationTaken,
    another StorageError, or Stopped; nothing is left at the destination then but what was there before, or an equal
    copy. Safe to repeat after a crash at any line.
    """
    pace.begin()
    try:
        was_there = _put(source, destination, order, pace)
        failpoint("migrate.object-copied")
        found = read_back(destination, order.destination_path, pace)
    except SourceLost:
        raise
    except ObjectNotFound as error:
        raise CopyLost(
            "The copy is gone, or its upload was aborted, before it was read back",
            provider=destination.name,
            key=order.destination_path,
            hint="Look for a lifecycle rule, or for somebody who clears the destination",
        ) from error
    if found != order.digest:
        raise _mismatch(destination, order, was_there=was_there)
    if order.with_sidecars:
        copy_sidecars(source, destination, order.object_id)
    keep_sidecar(destination, order.object_id, order.key_block)
    failpoint("migrate.copy-verified")


def _put(source: StorageProvider, destination: StorageProvider, order: Order, pace: Pace) -> bool:
    """Have an object with the key at the destination. Returns whether one was there already."""
    try:
        with closing(_as_sealed(source, order)) as pieces:
            destination.put_stream(order.destination_path, pace.pass_on(pieces))
    except ObjectExists:
        return True
    except SourceLost:
        # An earlier attempt, or a source that was kept, may have it.
        if not destination.exists(order.destination_path):
            raise
        return True
    return False


def read_back(provider: StorageProvider, key: str, pace: Pace) -> str:
    """Read the whole object and return its SHA-256 in hex. Raises ObjectNotFound, another StorageError or Stopped."""
    digest = hashlib.sha256()
    with provider.open(key) as reader:
        for piece in pace.pass_on(pieces_of(reader)):
            digest.update(piece)
    return digest.hexdigest()


def copy_sidecars(source: StorageProvider, destination: StorageProvider, object_id: UUID) -> None:
    """Copy the object's newer key blocks, and compare each. They are a few KiB and never change."""
    for info in source.iter_locations(f"{SIDECARS}{object_id}."):
        body = source.get(info.key)
        with suppress(ObjectExists):
            destination.put_bytes(info.key, body)
        if destination.get(info.key) != body:
            raise DestinationTaken("Another key block is there", provider=destination.name, key=info.key)


def _as_sealed(source: StorageProvider, order: Order) -> Generator[memoryview]:
    """The object's pieces; at their end SourceDamaged, where they are not what was sealed: nothing is visible then.

    Only here the source says that it has no such object; a destination may say so too, of an upload in parts.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with source.open(order.source_path) as reader:
            for piece in pieces_of(reader):
                digest.update(piece)
                size += len(piece)
                yield piece
    except ObjectNotFound as error:
        raise SourceLost("There is no such object", provider=source.name, key=order.source_path) from error
    if size != order.size or digest.hexdigest() != order.digest:
        differs = f"{size:,} bytes in place of {order.size:,}" if size != order.size else "other bytes"
        raise SourceDamaged(
            f"The object is not what was sealed: {differs}. Nothing of it was copied",
            provider=source.name,
            key=order.source_path,
            hint="Look for another copy in your backups; the row still names this one",
        )


def _mismatch(destination: StorageProvider, order: Order, *, was_there: bool) -> StorageError:
    if was_there:
        return DestinationTaken(
            "There is another object with this key, or an earlier copy that was damaged",
            provider=destination.name,
            key=order.destination_path,
            hint="It was left as it is. Look whose it is; a retry writes another key",
        )
    # It is not deleted here: another worker, to whom the lease went meanwhile, may have found it good.
    return CopyDamaged(
        "What was read back is not what was written",
        provider=destination.name,
        key=order.destination_path,
        hint="See to the store; a new run writes another key, and --purge-source removes this copy later",
    )
