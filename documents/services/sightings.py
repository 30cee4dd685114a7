"""The two looks that an object gets before it is moved to the trash."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import F

from documents.errors import ObjectNotFound, StorageError
from documents.failpoints import failpoint
from documents.models import Sighting
from documents.models.clock import database_now
from documents.services import references, trash
from documents.services.collection_budget import Budget
from documents.services.collection_report import StoreReport
from documents.services.keys import trash_key
from documents.storage.base import ObjectInfo, StorageProvider
from documents.storage.keys import is_valid_key

log = structlog.get_logger(__name__)
State = Sighting.State

# Between the row that says TRASHED and the deletion of the original lies one request; after this it is not coming.
MOVING = timedelta(hours=1)


def first_look(
    provider: StorageProvider, listed: Sequence[ObjectInfo], report: StoreReport, *, before: datetime, dry_run: bool
) -> None:
    """Note those that nobody needs, and strike those that somebody needs by now. Foreign objects are counted only.

    ``before`` is a grace period ago by the store's own clock: what is younger may be on its way to its row.
    """
    needed = references.needed([info.key for info in listed])
    recognised = references.recognised([info.key for info in listed])
    left_over = [info for info in listed if info.key in recognised - needed]
    rows = Sighting.objects.filter(storage_type=provider.name)
    seen = set(rows.filter(storage_path__in=[info.key for info in listed]).values_list("storage_path", flat=True))
    spared = seen & needed | seen - recognised
    report.scanned += len(listed)
    report.foreign += sum(info.key not in recognised | needed for info in listed)
    report.unreferenced += len(left_over)
    new = [info for info in left_over if info.key not in seen and info.modified_at <= before]
    for info in new:
        if not is_valid_key(trash_key(info.key)):
            report.complain(f"{info.key!r} is too long a key for the trash. Look at the object, and delete it by hand.")
    new = [info for info in new if is_valid_key(trash_key(info.key))]
    report.sighted += len(new)
    if dry_run:
        report.forgotten += len(spared)
        return
    report.forgotten += rows.filter(storage_path__in=spared, state=State.SEEN).delete()[0]
    # The copy is in the trash, and whoever was to delete the original never did, or it came back: it is seen again.
    again = rows.filter(storage_path__in=seen - spared, state=State.TRASHED, trashed_at__lte=database_now() - MOVING)
    again.update(state=State.SEEN, trashed_at=None)
    Sighting.objects.bulk_create(_rows(provider, new), ignore_conflicts=True)
    failpoint("collect.sighted")


def second_looks(
    provider: StorageProvider,
    report: StoreReport,
    budget: Budget,
    *,
    grace: timedelta,
    before: datetime,
    dry_run: bool,
) -> None:
    """Look again at those whose time has come, and move to the trash what is still the same and needed by nobody."""
    due = Sighting.objects.filter(
        storage_type=provider.name, state=State.SEEN, first_seen_at__lte=database_now() - grace
    ).order_by("attempts", "first_seen_at", "id")
    for sighting in list(due[: budget.deletions]):
        if budget.is_over or budget.deletions < 1:
            break
        try:
            if not _is_still_left_over(provider, sighting, report, before=before, dry_run=dry_run):
                continue
            if budget.has_time_for(sighting.size):
                budget.take_deletion()
                report.trashed += dry_run or trash.move_to_trash(provider, sighting)
            else:
                report.too_large += 1
        except ObjectNotFound:
            # Another collector was quicker.
            continue
        except StorageError as error:
            # One object that is locked or damaged does not keep the others; a store that is down is told by the first.
            if error.retryable:
                raise
            log.error("object_not_trashed", provider=provider.name, key=sighting.storage_path, code=error.code)  # noqa: TRY400  # an outcome, not a bug
            report.complain(str(error))


def _is_still_left_over(
    provider: StorageProvider, sighting: Sighting, report: StoreReport, *, before: datetime, dry_run: bool
) -> bool:
    row = Sighting.objects.filter(pk=sighting.pk, state=State.SEEN)
    if not dry_run:
        # Before anything is asked: whatever comes of it, the others come first next time.
        row.update(attempts=F("attempts") + 1)
    try:
        info = provider.head(sighting.storage_path)
    except ObjectNotFound:
        info = None
    key = [sighting.storage_path]
    if info is None or references.needed(key) or not references.recognised(key):
        report.forgotten += 1
        if not dry_run:
            row.delete()
        return False
    if (info.size, info.etag) == (sighting.size, sighting.etag) and info.modified_at <= before:
        return True
    # Another object than the one that was seen.
    report.forgotten += 1
    if not dry_run:
        row.update(size=info.size, etag=info.etag, first_seen_at=database_now(), attempts=0)
    return False


def _rows(provider: StorageProvider, new: Sequence[ObjectInfo]) -> list[Sighting]:
    now = database_now()
    return [
        Sighting(storage_type=provider.name, storage_path=info.key, size=info.size, etag=info.etag, first_seen_at=now)
        for info in new
    ]
