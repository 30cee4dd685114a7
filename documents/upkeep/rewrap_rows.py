"""What a batch of rows goes through: wrapped anew, switched together, their blocks put beside the objects."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from documents.encryption.keyring import KeyRing
from documents.errors import ConfigurationError, EncryptionError, IntegrityMismatch, KeyRingError, StorageError
from documents.services.patience import patiently
from documents.services.rewrapping import Rewrapped, Row, keep_beside, rewrap_past_others, rewrapped
from documents.services.sidecars import keep_sidecar
from documents.upkeep.sealed_rows import SCOPES
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


def put_beside(
    scope: str, in_flight: Mapping[UUID, str], known: Mapping[UUID, Rewrapped], ring: KeyRing, pool: ThreadPoolExecutor
) -> Beside:
    """Put the blocks of these rows beside their objects, each where its row says that it is.

    ``in_flight`` has the store in which each was. Those that are ``known`` are put at once, and their rows looked at
    once more afterwards, all together. Where another block has the number, the row is rewrapped past it. Raises
    KeyRingError, StorageError, ConfigurationError where that is no fault of one object.
    """
    model = SCOPES[scope]
    mine = [known[pk] for pk in in_flight if pk in known]
    put, conflicts = _keep_all(mine, pool)
    places = {one.pk: (one.storage_type, one.after) for one in mine if one.pk not in conflicts}
    for pk, storage_type, block in _places(model, places):
        if places[pk] == (storage_type, bytes(block)):
            del places[pk]
    for pk in (*places, *(pk for pk in in_flight if pk not in known)):
        try:
            keep_beside(model, pk, put_in=in_flight[pk])
        except IntegrityMismatch:
            conflicts.add(pk)
    failed = {pk: error for pk in conflicts if (error := _settled(model, pk, ring))}
    return Beside(put | (conflicts - failed.keys()), failed)


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


def _keep_all(blocks: Sequence[Rewrapped], pool: ThreadPoolExecutor) -> tuple[set[UUID], set[UUID]]:
    """As ``_keep_each``, by threads where a store is waited for more than it gives work.

    Of a store that answers at once threads make twice the work: they fight for the interpreter's lock.
    """
    waited, worked = time.monotonic(), time.thread_time()
    kept = [_keep_each(blocks[:PROBED])]
    waited, worked = time.monotonic() - waited, time.thread_time() - worked
    rest = blocks[PROBED:]
    if waited < 2 * worked:
        kept.append(_keep_each(rest))
    else:
        kept.extend(pool.map(_keep_each, [rest[first::THREADS] for first in range(THREADS)]))
    return {pk for put, _conflicts in kept for pk in put}, {pk for _put, conflicts in kept for pk in conflicts}


def _keep_each(blocks: Sequence[Rewrapped]) -> tuple[list[UUID], list[UUID]]:
    """Put each beside its object. Returns those that were put now, and those with another under their number."""
    put, conflicts = [], []
    for one in blocks:
        try:
            if keep_sidecar(storage_provider(one.storage_type), one.pk, one.after):
                put.append(one.pk)
        except IntegrityMismatch:
            conflicts.append(one.pk)
    return put, conflicts


def _settled(model: type[Row], row_id: UUID, ring: KeyRing) -> Failure | None:
    """Rewrap the row past what is there. Returns what keeps it from that."""
    try:
        patiently(rewrap_past_others, model, row_id, ring)
    except KeyRingError:
        raise
    except (EncryptionError, IntegrityMismatch) as error:
        return error
    return None


def _places(model: type[Row], ids: Iterable[UUID]) -> "QuerySet[Any, Any]":
    return model._default_manager.filter(pk__in=list(ids)).values_list("pk", "storage_type", "key_block")
