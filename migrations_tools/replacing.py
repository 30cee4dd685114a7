"""Other keys for items that are tried again: where a key has, or may come to have, what nobody can count on."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import F, Max, QuerySet
from django.db.models.functions import Now

from migrations_tools.errors import CopyDamaged, DestinationTaken
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import BATCH, another_key, used_keys
from migrations_tools.states import ItemState, SourceState


def replace_keys(run: MigrationRun, failed: QuerySet[MigrationItem]) -> None:
    """Have other keys for those of ``failed`` whose keys cannot be used again. A batch at a time.

    One of which there may be a copy is followed by a new item, and stays as skipped: it knows the key, so that
    --purge-source finds the copy, and no later run writes it. Runs in a transaction of the caller's.
    """
    last, most = 0, failed.aggregate(most=Max("pk"))["most"] or 0
    while items := list(failed.filter(pk__gt=last, pk__lte=most).order_by("pk")[:BATCH]):
        last = items[-1].pk
        used = used_keys(run, [item.object_id for item in items])
        other = [item for item in items if _cannot_be_used_again(item, used)]
        # What is there is another's, or nothing was begun: nobody has to remember the key.
        for item in (others := [item for item in other if not _is_to_be_known(item)]):
            item.destination_path = another_key(item.destination_path, run)
        MigrationItem.objects.bulk_update(others, ["destination_path"])
        left = [item for item in other if _is_to_be_known(item)]
        run.items.filter(pk__in=[item.pk for item in left]).update(
            state=ItemState.SKIPPED, holds_row=False, lease=None, lease_until=None, finished_at=Now()
        )
        MigrationItem.objects.bulk_create(_replacement(run, item) for item in left)
        MigrationRun.objects.filter(pk=run.pk).update(planned_items=F("planned_items") + len(left))


def _cannot_be_used_again(item: MigrationItem, used: Collection[tuple[UUID, str]]) -> bool:
    """What is there is damaged, or another's; or a purge deletes it, and may do so late."""
    return (
        item.code in (CopyDamaged.code, DestinationTaken.code)
        or item.source_state in (SourceState.PURGING, SourceState.PURGED)
        or (item.object_id, item.destination_path) in used
    )


def _is_to_be_known(item: MigrationItem) -> bool:
    return item.attempts > 0 and item.code != DestinationTaken.code


def _replacement(run: MigrationRun, item: MigrationItem) -> MigrationItem:
    return MigrationItem(
        run=run,
        object_id=item.object_id,
        source_type=item.source_type,
        source_path=item.source_path,
        destination_path=another_key(item.destination_path, run),
        size=item.size,
        digest=item.digest,
    )
