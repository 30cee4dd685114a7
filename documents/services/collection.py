"""The collector: clears away objects that no row needs, in small passes, and never what is needed.

An object is left over where nobody needs it (``references``) at two looks a grace period apart, and is the same object
at both (``sightings``). It then moves to the trash (``trash``), and is deleted from there when its time is over. Before
anything else the database shows that it is the newest of its vault (``epochs``).

Two epochs are minutes apart, and a database may be restored to a moment in between: the numbers are equal then, and
what was stored since is unknown to it. So the last step asks for positive knowledge as well: from the trash an object
is deleted only where an audit event of this database names it (``references.known``). What no event names may be a
newer database's; it stays in the trash until an operator runs ``collect_garbage --purge-unknown``, and goes back to its
place by itself once the newer database is in use again.

A pass lists so many objects and deletes so many, over all stores, and goes on where the last one stopped.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import structlog

from documents.errors import CollectionRefused, ConfigurationError, StorageError
from documents.models import CollectedStore
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import SYSTEM, Actor
from documents.services.collection_budget import Budget
from documents.services.collection_report import StoreReport
from documents.services.epochs import check_current, ensure_current
from documents.services.holdings import stores_of_rows
from documents.services.keys import TRASH_PREFIX, collected_prefixes
from documents.services.sightings import first_look, second_looks
from documents.services.trash_look import TrashLook
from documents.storage.base import ObjectInfo, StorageProvider
from documents.storage.capabilities import OrderedListing
from documents.wiring import configured_providers, storage_manager, vault_config

log = structlog.get_logger(__name__)

# Keys of one query.
BATCH = 500
GONE = "Their documents cannot be opened: put the store back into VAULT_STORAGE_FILE or the environment."
# Half of what a task may take (CELERY_TASK_TIME_LIMIT): a move that was begun then has the other half.
LONGEST_TASK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator may want of a pass. None stands for the configuration's, ``longest`` None for no limit."""

    storage_type: str | None = None
    max_scanned: int | None = None
    max_deleted: int | None = None
    longest: timedelta | None = None
    purge_unknown: bool = False
    dry_run: bool = False


def collect(wish: Wish | None = None, *, actor: Actor = SYSTEM) -> list[StoreReport]:
    """Make one pass over every configured store and return a report for each.

    A store that does not answer, or that the epoch guard keeps from being cleared, is told in its report and does not
    keep the others. Safe to run at any time, twice and in parallel.
    """
    wish = wish or Wish(longest=LONGEST_TASK)
    config = vault_config().collection
    budget = Budget.of(
        scans=config.max_scanned if wish.max_scanned is None else wish.max_scanned,
        deletions=config.max_deleted if wish.max_deleted is None else wish.max_deleted,
        longest=wish.longest,
    )
    providers = [p for p in configured_providers() if wish.storage_type in (None, p.name)]
    reports = []
    for number, provider in enumerate(providers):
        share = budget.share(len(providers) - number)
        reports.append(_collect_store(provider, share, wish, actor))
        budget.give_back(share)
    if wish.storage_type is None:
        reports += [_unreachable(name) for name in sorted(stores_of_rows()) if vault_config().store(name) is None]
    return reports


def _unreachable(name: str) -> StoreReport:
    log.warning("store_not_configured", provider=name)
    return StoreReport(name, error=f"Rows name the store {name!r}, and it is not configured here. {GONE}")


def _collect_store(provider: StorageProvider, budget: Budget, wish: Wish, actor: Actor) -> StoreReport:
    report = StoreReport(provider.name)
    try:
        _Pass(provider, budget, wish, report).run()
    except (StorageError, ConfigurationError) as error:
        report.error = str(error)
        if isinstance(error, CollectionRefused):
            report.epoch_is_current = False
        log.warning("store_not_collected", provider=provider.name, code=error.code, error=str(error))
    finally:
        if report.changes and not wish.dry_run:
            audit.record(
                "objects.collected",
                actor,
                storage_type=provider.name,
                trashed=report.trashed,
                returned=report.returned,
                purged=report.purged,
            )
    return report


class _Pass:
    """One store's part of a pass."""

    def __init__(self, provider: StorageProvider, budget: Budget, wish: Wish, report: StoreReport) -> None:
        self._provider, self._budget, self._wish, self._report = provider, budget, wish, report
        self._config = vault_config().collection

    def run(self) -> None:
        """What is needed again comes first; then what is new; then what was seen before."""
        before = self._stores_time() - self._config.grace
        dry_run = self._wish.dry_run
        trash = TrashLook(
            self._provider,
            self._report,
            self._budget,
            retention=self._config.trash_retention,
            purge_unknown=self._wish.purge_unknown,
            dry_run=dry_run,
        )
        prefixes = self._prefixes()
        places = 1 + len(prefixes)
        for batch in self._listed(TRASH_PREFIX, self._budget.take_scans(places)):
            trash.look(batch)
        for number, prefix in enumerate(prefixes, start=1):
            for batch in self._listed(prefix, self._budget.take_scans(places - number)):
                first_look(self._provider, batch, self._report, before=before, dry_run=dry_run)
        second_looks(
            self._provider, self._report, self._budget, grace=self._config.grace, before=before, dry_run=dry_run
        )

    def _stores_time(self) -> datetime:
        """Objects are dated by the store's clock: their age is told by the same."""
        if self._wish.dry_run:
            check_current(self._provider)
            now = database_now()
        else:
            now = ensure_current(self._provider)
        self._report.epoch_is_current = True
        return now

    def _prefixes(self) -> tuple[str, ...]:
        """Those of the policies, after those that earlier policies had: what they left is told by where passes were."""
        prefixes = collected_prefixes(storage_manager().policies())
        store = CollectedStore.objects.filter(storage_type=self._provider.name).first()
        earlier = set(store.positions if store else ()) - {TRASH_PREFIX, *prefixes}
        return (*sorted(earlier), *prefixes)

    def _listed(self, prefix: str, limit: int) -> Iterator[Sequence[ObjectInfo]]:
        """Batches of the next ``limit`` objects; where the listing ended, the next pass begins anew."""
        found = 0
        listing = iter(_next_of(self._provider, prefix, self._position(prefix), limit))
        while batch := list(islice(listing, BATCH)):
            yield batch
            found += len(batch)
            self._keep_position(prefix, batch[-1].key if found == limit or len(batch) == BATCH else "")
        if found < limit:
            self._keep_position(prefix, "")
        self._budget.scans += limit - found

    def _position(self, prefix: str) -> str:
        store = CollectedStore.objects.filter(storage_type=self._provider.name).first()
        position: str = store.positions.get(prefix, "") if store else ""
        return position

    def _keep_position(self, prefix: str, key: str) -> None:
        if self._wish.dry_run:
            return
        store, _ = CollectedStore.objects.get_or_create(storage_type=self._provider.name)
        if store.positions.get(prefix, "") != key:
            # Two passes at once may overwrite each other's: then some objects are looked at twice.
            CollectedStore.objects.filter(pk=store.pk).update(positions={**store.positions, prefix: key})


def _next_of(provider: StorageProvider, prefix: str, after: str, limit: int) -> Iterator[ObjectInfo]:
    """The ``limit`` objects that come next. A store that cannot begin in the middle is read through, and those kept."""
    if limit < 1:
        return iter(())
    if isinstance(provider, OrderedListing):
        return islice(provider.iter_locations_after(prefix, after), limit)
    later = (info for info in provider.iter_locations(prefix) if info.key > after)
    return iter(heapq.nsmallest(limit, later, key=lambda info: info.key))
