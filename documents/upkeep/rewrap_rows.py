"""What a batch of rows goes through: wrapped anew, switched together, their blocks put beside the objects."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from documents.encryption.keyring import KeyRing
from documents.errors import ConfigurationError, EncryptionError, IntegrityMismatch, KeyRingError, StorageError
from documents.services.patience import await_all, patiently
from documents.services.rewrapping import Rewrapped, Row, keep_beside, rewrap_past_others, rewrapped
from documents.services.sidecars import keep_sidecar
from documents.upkeep.sealed_rows import SCOPES
from documents.upkeep.shares import Lease
from documents.wiring import storage_provider

# RSA lets go of the interpreter's lock, and so do stores: more threads than cores keep both at work.
THREADS = 4
# So many blocks are put one after the other, to see whether their store is waited for.
PROBED = 4

Failure = EncryptionError | StorageError | ConfigurationError


@dataclass
class Beside:
    """What became of a batch's sidecars: those ``put`` now, and why others could not be. By the ids of the rows."""

    put: set[UUID] = field(default_factory=set)
    failed: dict[UUID, Failure] = field(default_factory=dict)


def rewrap_each(rows: Sequence[Row], ring: KeyRing) -> list[tuple[Row, Rewrapped | Failure]]:
    """Return the outcome of each; where the keys fail, theirs is the last. Asks no database."""
    outcomes: list[tuple[Row, Rewrapped | Failure]] = []
    for row in rows:
        try:
            outcomes.append((row, patiently(rewrapped, row, ring)))
        except KeyRingError as error:
            return [*outcomes, (row, error)]
        except (EncryptionError, StorageError, ConfigurationError) as error:
            outcomes.append((row, error))
    return outcomes


def put_beside(lease: Lease, known: Mapping[UUID, Rewrapped], ring: KeyRing, pool: ThreadPoolExecutor) -> Beside:
    """Put the blocks of the rows that the share has in flight beside their objects, each where its row says that it is.

    Those that are ``known`` are put at once, and their rows looked at once more afterwards, all together. The others,
    which somebody who died left, are gone through one by one, and no more in flight as they are done. Where another
    block has the number, the row is rewrapped past it. Raises LeaseLost, and KeyRingError, StorageError,
    ConfigurationError where that is no fault of one object.
    """
    model = SCOPES[lease.share.scope]
    left = {UUID(pk): store for pk, store in lease.share.in_flight}
    mine = [known[pk] for pk in left if pk in known]
    put, conflicts = _keep_all(mine, lease, pool)
    places = {one.pk: (one.storage_type, one.after) for one in mine if one.pk not in conflicts}
    for pk, storage_type, block in _places(model, places):
        if places[pk] == (storage_type, bytes(block)):
            del places[pk], left[pk]
    for pk in [pk for pk in left if pk in places or pk not in known]:
        _give_sign(lease, left)
        try:
            keep_beside(model, pk, put_in=left[pk])
        except IntegrityMismatch:
            conflicts.add(pk)
        else:
            del left[pk]
    failed = {pk: error for pk in conflicts if (error := _settled(model, pk, ring, lambda: _give_sign(lease, left)))}
    return Beside(put | (conflicts - failed.keys()), failed)


def _give_sign(lease: Lease, left: Mapping[UUID, str]) -> None:
    """Have the share for longer where that is due, and write what is left in flight. Raises LeaseLost."""
    if lease.is_due:
        lease.write(in_flight=[[str(pk), store] for pk, store in left.items()])


def switch(scope: str, done: Sequence[Rewrapped], digest: str) -> list[UUID]:
    """Give each row its new key block if it has the old one still; returns whose did. Inside a transaction.

    One prepared statement for the whole batch: an UPDATE through the ORM costs as much as the RSA operation. What
    changed meanwhile, or was deleted, is left to the next round.
    """
    if not done:
        return []
    model: Any = SCOPES[scope]
    binary = connection.Database.Binary  # type: ignore[attr-defined]  # the driver's module, as Django keeps it
    to_id = model._meta.pk.get_db_prep_value
    sql = (
        f"UPDATE {connection.ops.quote_name(model._meta.db_table)} "  # noqa: S608  # the name of a table of ours
        "SET key_block = %s, kek_id = %s, recipients = %s WHERE id = %s AND key_block = %s"
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            sql,
            [
                (binary(one.after), one.kek_id, digest, to_id(one.pk, connection), binary(one.before))
                for one in sorted(done, key=lambda one: one.pk)  # as whoever deletes several locks them
            ],
        )
        if cursor.rowcount == len(done):
            return [one.pk for one in done]
    now = dict(model._default_manager.filter(pk__in=[one.pk for one in done]).values_list("pk", "key_block"))
    return [one.pk for one in done if one.pk in now and bytes(now[one.pk]) == one.after]


def _keep_all(blocks: Sequence[Rewrapped], lease: Lease, pool: ThreadPoolExecutor) -> tuple[set[UUID], set[UUID]]:
    """As ``_keep_each``, by threads where a store is waited for more than it gives work.

    Of a store that answers at once threads make twice the work: they fight for the interpreter's lock.
    """
    waited, worked = time.monotonic(), time.thread_time()
    kept = [_keep_each(blocks[:PROBED], lease.renew)]
    waited, worked = time.monotonic() - waited, time.thread_time() - worked
    rest = blocks[PROBED:]
    if waited < 2 * worked:
        kept.append(_keep_each(rest, lease.renew))
    else:
        # The lease is the database's: threads would need connections of their own.
        parts = [pool.submit(_keep_each, rest[first::THREADS]) for first in range(THREADS)]
        await_all(parts, lease.write)
        kept.extend(part.result() for part in parts)
    return {pk for put, _conflicts in kept for pk in put}, {pk for _put, conflicts in kept for pk in conflicts}


def _keep_each(
    blocks: Sequence[Rewrapped], sign_of_life: Callable[[], None] = lambda: None
) -> tuple[list[UUID], list[UUID]]:
    """Put each beside its object. Returns those that were put now, and those with another under their number."""
    put, conflicts = [], []
    for one in blocks:
        sign_of_life()
        try:
            if keep_sidecar(storage_provider(one.storage_type), one.pk, one.after):
                put.append(one.pk)
        except IntegrityMismatch:
            conflicts.append(one.pk)
    return put, conflicts


def _settled(model: type[Row], row_id: UUID, ring: KeyRing, sign_of_life: Callable[[], None]) -> Failure | None:
    """Rewrap the row past what is there. Returns what keeps it from that."""

    def rewrap() -> None:
        sign_of_life()  # who waits for a key service comes here again and again
        rewrap_past_others(model, row_id, ring)

    try:
        patiently(rewrap)
    except KeyRingError:
        raise
    except (EncryptionError, IntegrityMismatch) as error:
        return error
    return None


def _places(model: type[Row], ids: Iterable[UUID]) -> "QuerySet[Any, Any]":
    return model._default_manager.filter(pk__in=list(ids)).values_list("pk", "storage_type", "key_block")
