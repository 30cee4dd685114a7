"""The epoch guard: nothing is cleared away by a database that is not the newest of its vault.

Each store keeps the number of the last pass, and so does the database. A database that was restored from yesterday has
yesterday's number: to it, today's documents look like leftovers. The store's number is then the higher one, and the
guard refuses.

In the store each number is an object of its own, ``vault/<vault id>/epochs/<20 digits>``, written once; the highest
counts. That needs nothing but put-if-absent, works on every store, and shows two databases that count side by side:
the second finds its number taken.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from documents.errors import (
    CollectionRefused,
    ConfigurationError,
    ObjectExists,
    OlderDatabase,
    StorageError,
    StoreReplaced,
    StoreShared,
)
from documents.failpoints import failpoint
from documents.models import CollectedStore, Vault
from documents.services import audit
from documents.services.actors import Actor
from documents.services.keys import EPOCH_PREFIX
from documents.storage.base import StorageProvider
from documents.wiring import store_itself

log = structlog.get_logger(__name__)

# Older numbers are removed but for so many: whoever lists while others count still finds one.
KEPT = 10
_EPOCH = re.compile(rf"{EPOCH_PREFIX}([0-9a-f-]{{36}})/epochs/([0-9]{{20}})")


@dataclass(frozen=True, slots=True)
class Standing:
    """What database and store say. ``stored`` is 0 where the store has no number."""

    vault_id: UUID
    stored: int
    known: int
    stored_keys: tuple[str, ...]


def check_current(provider: StorageProvider) -> Standing:
    """Look at both numbers and change nothing. Raises OlderDatabase, StoreReplaced, StoreShared or StorageError."""
    # What this database wrote is read before the listing, and its own number after it: another pass that counts up in
    # between, database first and store second, makes neither look wrong.
    vault_id = Vault.current_id()
    remembered = CollectedStore.objects.filter(storage_type=provider.name, epoch__gt=0).first()
    standing = _standing(provider, vault_id)
    if standing.stored > standing.known:
        raise OlderDatabase(provider.name, stored=standing.stored, known=standing.known)
    if remembered and not standing.stored:
        raise StoreReplaced(provider.name, known=remembered.epoch)
    return standing


def ensure_current(provider: StorageProvider) -> datetime:
    """Count up, in the database first and then in the store; return the store's own time.

    Raises as ``check_current`` does, and nothing may be deleted then. A number that was counted and never written is
    passed over.
    """
    standing = check_current(provider)
    with transaction.atomic(durable=True):
        Vault.objects.filter(pk=1).update(epoch=F("epoch") + 1)
        epoch = Vault.objects.get(pk=1).epoch
    failpoint("collect.epoch-raised")
    key = _key(standing.vault_id, epoch)
    _write(provider, key, epoch=epoch, standing=standing)
    failpoint("collect.epoch-written")
    CollectedStore.objects.update_or_create(storage_type=provider.name, defaults={"epoch": epoch})
    for older in standing.stored_keys:
        if older < _key(standing.vault_id, max(0, epoch - KEPT)):
            provider.delete(older)
    return provider.head(key).modified_at


def accept_database(provider: StorageProvider, actor: Actor) -> None:
    """Say that this database is the right one, whatever the store's number. Raises StoreShared or StorageError."""
    standing = _standing(provider, Vault.current_id())
    with transaction.atomic(durable=True):
        Vault.objects.filter(pk=1).update(epoch=Greatest(F("epoch"), standing.stored))
        CollectedStore.objects.filter(storage_type=provider.name).update(epoch=0)
        audit.record(
            "database.accepted",
            actor,
            storage_type=provider.name,
            database_epoch=standing.known,
            store_epoch=standing.stored,
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
        try:
            ensure_current(store_itself(storage_type))
        except (CollectionRefused, StorageError) as error:
            log.warning("store_left_alone", provider=storage_type, code=error.code, error=str(error))
            return False
        except ConfigurationError:
            # Not configured here: nothing can be deleted there, and its rows may end.
            return True
        return True


def _standing(provider: StorageProvider, vault_id: UUID) -> Standing:
    keys = []
    for info in provider.iter_locations(EPOCH_PREFIX):
        found = _EPOCH.fullmatch(info.key)
        if found and found[1] != str(vault_id):
            raise StoreShared(provider.name, vault_id=found[1])
        if found:
            keys.append(info.key)
    stored = int(max(keys).rpartition("/")[2]) if keys else 0
    return Standing(vault_id, stored, Vault.objects.get(pk=1).epoch, tuple(keys))


def _key(vault_id: UUID, epoch: int) -> str:
    return f"{EPOCH_PREFIX}{vault_id}/epochs/{epoch:020}"


def _write(provider: StorageProvider, key: str, *, epoch: int, standing: Standing) -> None:
    # Unlike any other, so that an answer that was lost is told from another database's number.
    body = json.dumps({"vault_id": str(standing.vault_id), "epoch": epoch, "written_by": str(uuid4())}).encode()
    try:
        provider.put_bytes(key, body)
    except ObjectExists as error:
        if provider.get(key) != body:
            raise OlderDatabase(provider.name, stored=epoch, known=epoch - 1) from error
