"""A database made anew from the objects, or completed: rows for what is stored and what no row names.

What cannot come back, because it was in the database alone: titles other than file names, attributes, links, passwords,
mail addresses, second factors, tokens, the audit log, what was in no object. Everything else a row says stands in the
envelope, or is computed from it. Each object is opened whole before its row is made.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from documents.encryption.keyring import KeyRing
from documents.errors import (
    CollectionRefused,
    EncryptionError,
    KeyRingError,
    ObjectNotFound,
    RebuildRefused,
    StorageError,
    StorageUnavailable,
)
from documents.failpoints import failpoint
from documents.models import Attachment, AuditEvent, Document, Payload, StagedAttachment, Vault
from documents.services import audit
from documents.services.actors import Actor
from documents.services.epochs import accept_database
from documents.services.keys import attachment_id_in
from documents.services.patience import patiently
from documents.services.rebuild_report import RebuildReport
from documents.services.recovered_objects import (
    ForeignObject,
    RecoveredObject,
    claimed_vault_id,
    objects_of_documents,
    open_object,
)
from documents.services.recovered_places import take_place
from documents.services.recovered_rows import is_missing, keep_document, number_versions, point_at, row_of
from documents.services.sidecars import has_sidecars
from documents.services.withholding import release, withhold
from documents.storage.base import ObjectInfo, StorageProvider
from documents.wiring import configured_providers

T = TypeVar("T")
U = TypeVar("U")

BEGUN, FINISHED, WITHHELD = "database.rebuild-begun", "database.rebuilt", "database.not-accepted"
# Objects under way for each worker: enough that none waits for another, few enough for memory.
_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What is rebuilt from where. ``told`` is called with the number of objects after each batch.

    ``accept_damaged`` takes the database for the newest although objects are damaged; what other keys may open is never
    given up so.
    """

    stores: list[StorageProvider]
    ring: KeyRing
    actor: Actor
    workers: int = 4
    told: Callable[[int], None] = lambda _count: None
    accept_damaged: bool = False

    def rebuild(self, vault_id: UUID | None = None) -> RebuildReport:
        """Fill an empty, migrated database. Until it was accepted as the newest, to run it again is to go on.

        Raises RebuildRefused where the database holds documents, where the objects are of several vaults and none was
        chosen, or where there are none; KeyRingError without a private key; StorageError where a store does not answer.
        """
        self.ring.require_private_keys()
        if _is_begun():
            known = Vault.current_id()
            if vault_id not in (None, known):
                raise RebuildRefused(f"A rebuild of vault {known} was begun here and is not finished. Finish it first.")
        else:
            _refuse_unless_empty()
            known = vault_id or self._only_vault()
            with transaction.atomic(durable=True):
                Vault.objects.update_or_create(pk=1, defaults={"vault_id": known})
                withhold({provider.name for provider in (*self.stores, *configured_providers())})
                audit.record(BEGUN, self.actor)
            failpoint("recover.begun")
        return self._add(known, FINISHED)

    def add_missing(self) -> RebuildReport:
        """Make rows for objects that this database never heard of, and accept it as the newest. Safe to repeat.

        It is accepted only where all could be opened: ``report.withheld`` says why not. For a database that was
        restored from an earlier day. What it deleted itself stays deleted; what was deleted after that day, and whose
        object has gone, stays a row without an object. Raises as ``rebuild`` does.
        """
        self.ring.require_private_keys()
        return self._add(Vault.current_id(), "database.completed")

    def _add(self, vault_id: UUID, finished: str) -> RebuildReport:
        report = RebuildReport(vault_id)
        for provider in self.stores:
            self._add_from(provider, report)
        number_versions()
        may_accept, accepted = report.judge(accept_damaged=self.accept_damaged), []
        for provider in self.stores if may_accept else ():
            try:
                accept_database(provider, self.actor, in_rebuild=True)
                accepted.append(provider.name)
            except CollectionRefused as error:  # another vault's store as well: nothing is ever cleared there
                report.notes.append(str(error))
            failpoint("recover.database-accepted")
        with transaction.atomic(durable=True):
            action = finished if may_accept else WITHHELD
            if may_accept:
                release(accepted)
            else:
                withhold([provider.name for provider in self.stores])
            audit.record(action, self.actor, added=report.counts["added"], failed=report.counts["failed"])
        return report

    def _add_from(self, provider: StorageProvider, report: RebuildReport) -> None:
        beside = has_sidecars(provider)
        unknown = (info for info in objects_of_documents(provider) if not _is_settled(provider, info, report))

        def opened(info: ObjectInfo) -> RecoveredObject | Exception:
            try:
                return patiently(partial(open_object, provider, info, self.ring, beside=beside))
            except (KeyRingError, StorageUnavailable):
                raise
            except (ForeignObject, EncryptionError, StorageError) as error:
                return error

        for info, result in _in_order(unknown, opened, workers=self.workers):
            if isinstance(result, RecoveredObject):
                report.counts[self._keep(result, report.vault_id)] += 1
            elif isinstance(result, ObjectNotFound):
                report.counts["gone since they were listed"] += 1
            elif isinstance(result, ForeignObject):
                report.counts["foreign"] += 1
            else:
                report.fail(provider, info, result)
            self.told(report.counts.total())

    def _keep(self, found: RecoveredObject, vault_id: UUID) -> str:
        if found.ids.vault_id != vault_id:
            return "of other vaults"
        if not found.is_document:
            return "found in another place" if point_at(found, self.actor) else "payloads and files of apps"
        if take_place(found, self.ring, self.actor):
            return "sealed anew"
        if keep_document(found, self.actor):
            return "added"
        return "found in another place" if point_at(found, self.actor) else "known"

    def _only_vault(self) -> UUID:
        """The one vault that all objects say they are of. Raises RebuildRefused; StorageError where none is read."""
        vaults: Counter[UUID] = Counter()
        unread: list[StorageError] = []
        for provider in self.stores:
            told = _in_order(objects_of_documents(provider), partial(_claimed, provider), workers=self.workers)
            for _info, claimed in told:
                if isinstance(claimed, StorageError):
                    unread = [claimed]
                elif claimed:
                    vaults[UUID(bytes=claimed)] += 1
        if not vaults:
            if unread:
                raise unread[0]
            raise RebuildRefused("There is no object of a vault in the stores. Are they the right ones?")
        if len(vaults) > 1:
            told_of = ", ".join(f"{vault_id} ({count:,} objects)" for vault_id, count in vaults.most_common(10))
            raise RebuildRefused(f"The objects are of {len(vaults)} vaults: {told_of}. Choose one with --vault-id.")
        return next(iter(vaults))


def _claimed(provider: StorageProvider, info: ObjectInfo) -> bytes | StorageError | None:
    try:
        return claimed_vault_id(provider, info)
    except ObjectNotFound:
        return None
    except StorageUnavailable:
        raise
    except StorageError as error:  # of this object alone: it is told when its turn comes
        return error


def _is_begun() -> bool:
    """Whether a rebuild was begun and nothing ended it: neither its end, nor an operator who accepted what there is."""
    by_operator = Q(action="database.accepted", detail__rebuild=False)
    last = AuditEvent.objects.filter(Q(action__in=(BEGUN, FINISHED)) | by_operator).order_by("-id").first()
    return last is not None and last.action == BEGUN


def _refuse_unless_empty() -> None:
    if any(kind.objects.exists() for kind in (Document, Attachment, StagedAttachment, Payload)):
        raise RebuildRefused(
            "This database holds documents, uploads or payloads. A rebuild needs an empty, migrated one; to add what "
            "an older database does not know, run `manage.py recover --add-missing`."
        )


def _is_settled(provider: StorageProvider, info: ObjectInfo, report: RebuildReport) -> bool:
    """Whether the key alone tells that nothing is to be done, so that a run that goes on opens nothing twice."""
    attachment_id = attachment_id_in(info.key)
    row = attachment_id and row_of(attachment_id)
    if not row:
        return False
    is_its_own = (row.storage_type, row.storage_path) == (provider.name, info.key)
    if not is_its_own and is_missing(row):
        return False
    report.counts["known" if is_its_own else "copies"] += 1
    return True


def _in_order(items: Iterable[T], work: Callable[[T], U], *, workers: int) -> Iterator[tuple[T, U]]:
    """Do ``work`` in threads, and yield items with results in order; only so many are under way at a time."""
    under_way: deque[tuple[T, Future[U]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="recover") as pool:
        try:
            for item in items:
                under_way.append((item, pool.submit(work, item)))
                if len(under_way) >= _AHEAD * workers:
                    first, future = under_way.popleft()
                    yield first, future.result()
            while under_way:
                first, future = under_way.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)
