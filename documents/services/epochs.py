"""The epoch guard: nothing is cleared away by a database that is not the newest of its vault.

Each store keeps the number of the last pass over it, and so does its row in the database. A database that was restored
from yesterday has yesterday's number: to it, today's documents look like leftovers. The store's number is then the
higher one, and the guard refuses. Passes over other stores count other numbers, so they bring it no nearer.

In the store each number is an object of its own, ``vault/<vault id>/epochs/<store>/<20 digits>``, written once; the
highest counts. That needs nothing but put-if-absent, works on every store, and shows two databases that count side by
side: the second finds its number taken. The name of the store is part of the key because a bucket may go by two names,
or by a new one: whatever names there are numbers of, each is compared with the row of that name.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from documents.errors import (
    CollectionRefused,
    ConfigurationError,
    DatabaseWithheld,
    ObjectExists,
    OlderDatabase,
    StorageError,
    StoreReplaced,
    StoreShared,
)
from documents.failpoints import failpoint
from documents.models import CollectedStore, Payload, StagedAttachment, Vault
from documents.services import audit
from documents.services.actors import Actor
from documents.services.keys import EPOCH_PREFIX
from documents.storage.base import StorageProvider
from documents.wiring import stores_behind

log = structlog.get_logger(__name__)

Row = TypeVar("Row", StagedAttachment, Payload)

# Older numbers are removed but for so many: whoever lists while others count still finds one.
KEPT = 10
_EPOCH = re.compile(rf"{EPOCH_PREFIX}([0-9a-f-]{{36}})/epochs/([a-z][a-z0-9-]{{0,49}})/([0-9]{{20}})")


@dataclass(frozen=True, slots=True)
class Standing:
    """What database and store say. ``stored`` is 0 where the store has no number of its name, ``known`` its row's.

    ``others`` are the highest numbers under other names that the same bucket goes by, or went by.
    """

    vault_id: UUID
    stored: int
    known: int
    stored_keys: tuple[str, ...]
    others: dict[str, int]


def check_current(provider: StorageProvider) -> Standing:
    """Look at both numbers and change nothing. Raises CollectionRefused or StorageError.

    A database without a row for a name under which the store has numbers is an older one as well.
    """
    # What this database wrote is read before the listing, and what it counted after it: another pass that counts up in
    # between, database first and store second, makes neither look wrong.
    vault_id = Vault.current_id()
    written = CollectedStore.objects.filter(storage_type=provider.name).exclude(written_epoch=0).first()
    standing = _standing(provider, vault_id)
    if standing.stored > standing.known:
        raise OlderDatabase(provider.name, stored=standing.stored, known=standing.known)
    for name, stored in standing.others.items():
        if stored > (known := _counted(name)):
            raise OlderDatabase(provider.name, stored=stored, known=known)
    if written and written.written_epoch == CollectedStore.WITHHELD:
        raise DatabaseWithheld(provider.name)
    if written and not standing.stored:
        raise StoreReplaced(provider.name, known=written.written_epoch)
    return standing


def ensure_current(provider: StorageProvider) -> datetime:
    """Count up, in the database first and then in the store; return the store's own time.

    Raises as ``check_current`` does, and nothing may be deleted then. A number that was counted and never written is
    passed over.
    """
    standing = check_current(provider)
    row = CollectedStore.objects.filter(storage_type=provider.name)
    with transaction.atomic(durable=True):
        CollectedStore.objects.get_or_create(storage_type=provider.name)
        row.update(epoch=F("epoch") + 1)
        epoch = row.get().epoch
    failpoint("collect.epoch-raised")
    key = _key(standing.vault_id, provider.name, epoch)
    _write(provider, key, epoch=epoch, standing=standing)
    failpoint("collect.epoch-written")
    row.filter(written_epoch__gte=0).update(written_epoch=Greatest(F("written_epoch"), epoch))
    for older in standing.stored_keys:
        if older < _key(standing.vault_id, provider.name, max(0, epoch - KEPT)):
            provider.delete(older)
    return provider.head(key).modified_at


def accept_database(provider: StorageProvider, actor: Actor, *, in_rebuild: bool = False) -> None:
    """Say that this database is the right one for this store, whatever the store's numbers; no other is accepted.

    A store that is withheld stays so ``in_rebuild``, which ends a little later. Raises StoreShared or StorageError.
    """
    standing = _standing(provider, Vault.current_id())
    with transaction.atomic(durable=True):
        for name, stored in {**standing.others, provider.name: standing.stored}.items():
            CollectedStore.objects.get_or_create(storage_type=name)
            CollectedStore.objects.filter(storage_type=name).update(epoch=Greatest(F("epoch"), stored))
        own = CollectedStore.objects.filter(storage_type=provider.name)
        (own.exclude(written_epoch=CollectedStore.WITHHELD) if in_rebuild else own).update(written_epoch=0)
        audit.record(
            "database.accepted",
            actor,
            storage_type=provider.name,
            database_epoch=standing.known,
            store_epoch=standing.stored,
            rebuild=in_rebuild,
        )
    log.warning("database_accepted", provider=provider.name, known=standing.known, stored=standing.stored)


class EpochGuard:
    """The guard of one pass: each store is asked once, and what it answered holds until the pass is over."""

    def __init__(self) -> None:
        self._allowed: dict[str, bool] = {}

    def allows(self, storage_type: str) -> bool:
        """Whether objects of this store may be deleted because their time is over. What keeps them is logged once."""
        if storage_type not in self._allowed:
            self._allowed[storage_type] = self._ask(storage_type)
        return self._allowed[storage_type]

    def _ask(self, storage_type: str) -> bool:
        """A failover keeps no numbers: its rows' objects are in its members, and each of them has to be current.

        A store that is not configured here cannot be asked. Nothing can be deleted there now, but a row that ended
        stays ended: once the store is configured again, its object would go, whichever database is in use. So the rows
        wait for that.
        """
        try:
            for provider in stores_behind(storage_type):
                ensure_current(provider)
        except (CollectionRefused, StorageError, ConfigurationError) as error:
            log.warning("store_left_alone", provider=storage_type, code=error.code, error=str(error))
            return False
        return True


def in_current_stores(due: QuerySet[Row]) -> QuerySet[Row]:
    """Those of ``due`` whose stores this database may clear. Each store is asked once; none where nothing is due."""
    guard = EpochGuard()
    types = set(due.order_by().values_list("storage_type", flat=True).distinct())
    return due.filter(storage_type__in=[storage_type for storage_type in types if guard.allows(storage_type)])


def _standing(provider: StorageProvider, vault_id: UUID) -> Standing:
    keys: dict[str, list[str]] = {provider.name: []}
    for info in provider.iter_locations(EPOCH_PREFIX):
        found = _EPOCH.fullmatch(info.key)
        if found and found[1] != str(vault_id):
            raise StoreShared(provider.name, vault_id=found[1])
        if found:
            keys.setdefault(found[2], []).append(info.key)
    highest = {name: int(max(told).rpartition("/")[2]) if told else 0 for name, told in keys.items()}
    own = tuple(keys[provider.name])
    return Standing(vault_id, highest.pop(provider.name), _counted(provider.name), own, highest)


def _counted(storage_type: str) -> int:
    row = CollectedStore.objects.filter(storage_type=storage_type).first()
    return row.epoch if row else 0


def _key(vault_id: UUID, storage_type: str, epoch: int) -> str:
    return f"{EPOCH_PREFIX}{vault_id}/epochs/{storage_type}/{epoch:020}"


def _write(provider: StorageProvider, key: str, *, epoch: int, standing: Standing) -> None:
    # Unlike any other, so that an answer that was lost is told from another database's number.
    body = json.dumps({"vault_id": str(standing.vault_id), "epoch": epoch, "written_by": str(uuid4())}).encode()
    try:
        provider.put_bytes(key, body)
    except ObjectExists as error:
        if provider.get(key) != body:
            # Not ours to count: else the next pass would find both numbers equal.
            CollectedStore.objects.filter(storage_type=provider.name, epoch=epoch).update(epoch=epoch - 1)
            raise OlderDatabase(provider.name, stored=epoch, known=epoch - 1) from error
