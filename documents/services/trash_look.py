"""Looking through the trash: what is needed again goes back, what has waited long enough is deleted."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from documents.errors import ObjectNotFound, StorageError
from documents.models import Sighting
from documents.models.clock import database_now
from documents.services import references, trash
from documents.services.collection_budget import Budget
from documents.services.collection_report import StoreReport
from documents.services.keys import TRASH_PREFIX
from documents.storage.base import ObjectInfo, StorageProvider

log = structlog.get_logger(__name__)
State = Sighting.State


class TrashLook:
    """One pass over a part of the trash. ``purge_unknown``: an operator said so."""

    def __init__(
        self,
        provider: StorageProvider,
        report: StoreReport,
        budget: Budget,
        *,
        retention: timedelta,
        purge_unknown: bool,
        dry_run: bool,
    ) -> None:
        self._provider, self._report, self._budget = provider, report, budget
        self._before: datetime = database_now() - retention
        self._purge_unknown, self._dry_run = purge_unknown, dry_run

    def look(self, listed: Sequence[ObjectInfo]) -> None:
        """Look at objects of the trash. Raises StorageError; what was not looked at is looked at next time."""
        infos = {info.key.removeprefix(TRASH_PREFIX): info for info in listed}
        rows = {
            row.storage_path: row
            for row in Sighting.objects.filter(storage_type=self._provider.name, storage_path__in=infos)
        }
        needed = references.needed(infos.keys())
        foreign = infos.keys() - needed - references.recognised(infos.keys()) - rows.keys()
        self._report.foreign += len(foreign)
        infos = {key: info for key, info in infos.items() if key not in foreign}
        known = references.known(infos.keys())
        self._report.in_trash += len(infos)
        self._report.unknown += len(infos.keys() - needed - known)
        for key, info in infos.items():
            if self._budget.is_over:
                break
            row = rows.get(key) or self._adopted(key, info)
            # On its way into the trash where the row says SEEN; without a row in a dry run.
            if row is None or row.state == State.TRASHED or key in needed:
                self._decide(key, row, is_needed=key in needed, is_known=key in known)

    def _adopted(self, key: str, info: ObjectInfo) -> Sighting | None:
        if self._dry_run:
            return None
        return trash.adopted(self._provider, key, size=info.size, etag=info.etag)

    def _decide(self, key: str, row: Sighting | None, *, is_needed: bool, is_known: bool) -> None:
        is_over = row is not None and row.trashed_at is not None and row.trashed_at <= self._before
        try:
            if is_needed and not self._provider.exists(key):
                if row and not self._budget.has_time_for(row.size):
                    self._report.too_large += 1
                else:
                    self._return(row)
            elif is_over and row and (is_needed or is_known or self._purge_unknown) and self._budget.take_deletion():
                self._purge(row, is_needed=is_needed)
        except ObjectNotFound:
            # Another collector was quicker.
            return
        except StorageError as error:
            # As at the second look.
            if error.retryable:
                raise
            log.error("trash_not_settled", provider=self._provider.name, key=key, code=error.code)  # noqa: TRY400  # an outcome, not a bug
            self._report.complain(str(error))

    def _return(self, row: Sighting | None) -> None:
        if row and not self._dry_run:
            trash.move_back(self._provider, row)
        self._report.returned += 1

    def _purge(self, row: Sighting, *, is_needed: bool) -> None:
        """After a last look: nobody needs it, or the original is there and equal."""
        if self._dry_run:
            self._report.purged += 1
            return
        is_needed = is_needed or bool(references.needed([row.storage_path]))
        if not is_needed or trash.is_back(self._provider, row.storage_path):
            self._report.purged += trash.purge(self._provider, row)
