"""What a run moves: its rows, read in batches by their keys, become its items.

Planning is safe to stop anywhere and to do twice at once: the items of a batch and the position behind it are written
in one transaction, and only by whoever finds the position where it was read. Memory is one batch, whatever the vault.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from documents.models import Attachment, Payload, StagedAttachment
from documents.models.clock import database_now
from documents.wiring import vault_config
from migrations_tools.errors import RowsHeld
from migrations_tools.models import MigrationItem, MigrationRun, Row
from migrations_tools.states import OVER, ItemState, RunKind, RunState, SourceState

# Rows of one query, and of one transaction.
BATCH = 1000
# The object at the destination is another's, or the row names it, or its removal is noted.
NOT_OUR_COPY = ("destination-taken", "already-there", "deleted")
# Whoever stops a run stops its planning as well; it goes on where it was.
PLANNED_IN = (RunState.QUEUED, RunState.RUNNING)

Rows = QuerySet[Any]

NOT_CONFIGURED = "store-not-configured"
NO_DIGEST = "no-digest"
REFUSALS = {
    NOT_CONFIGURED: "The store of its row is not configured here. Configure it again, and retry.",
    NO_DIGEST: "Its row has no digest to compare a copy with.",
}


def rows_of(run: MigrationRun) -> list[Rows]:
    """Return every row that the run may be about, wherever its object is: one queryset for each table.

    Of uploads those that are received wholly; the others end where they began.
    """
    attachments: Rows = Attachment.objects.all()
    staged: Rows = StagedAttachment.objects.filter(state=StagedAttachment.State.STAGED)
    payloads: Rows = Payload.objects.all()
    if run.owner_id is not None:
        attachments = attachments.filter(document__owner=run.owner_id)
        staged, payloads = staged.filter(owner=run.owner_id), payloads.filter(owner=run.owner_id)
    if run.since is not None:
        attachments, staged, payloads = (
            rows.filter(created_at__gte=run.since) for rows in (attachments, staged, payloads)
        )
    # Staged ones first: one that is confirmed meanwhile is an attachment when those are read, and is planned once.
    return [staged, attachments, payloads]


def rows_to_move(run: MigrationRun) -> list[Rows]:
    """Return the rows whose objects the run has to look at: those elsewhere, or, to verify, those that are there."""
    if run.kind == RunKind.VERIFY:
        return [rows.filter(storage_type=run.destination) for rows in rows_of(run)]
    return [rows.exclude(storage_type=run.destination) for rows in rows_of(run)]


def kept_sources(run: MigrationRun, *, grace: timedelta) -> Rows:
    """Return the items of earlier runs to this destination of which something may go: their time of grace is over.

    Of those that were switched it is the source, of those that were begun and never switched the copy.
    """
    left = MigrationItem.objects.filter(run__destination=run.destination, run__kind=RunKind.COPY)
    over = Q(finished_at__lte=database_now() - grace)
    kept = Q(source_state=SourceState.KEPT) & over
    begun = Q(source_state=SourceState.NONE, state__in=[ItemState.FAILED, ItemState.SKIPPED], attempts__gt=0) & over
    # What was there before the run is not ours, and of a deleted row the sweeper removes the copy.
    ours = begun & ~Q(code__in=NOT_OUR_COPY) & Q(run__state__in=OVER)
    return left.filter(kept | ours | Q(source_state=SourceState.PURGING))


def complete_plan(run: MigrationRun, progress: Callable[[int], object] = lambda _count: None) -> None:
    """Make the items that are still missing; ``progress`` is told how many there are. Safe to repeat and in parallel.

    Ends early, with ``planned_at`` None, where somebody stops the run, or ``progress`` returns False. Raises RowsHeld
    where another run has one of the rows; the items that were made are taken back then.
    """
    tables = tables_of(run)
    while run.planned_at is None and run.state in PLANNED_IN:
        table, after = run.plan_position or [0, None]
        room = BATCH if run.max_items is None else min(BATCH, run.max_items - run.planned_items)
        if table == len(tables) or room < 1:
            _finish(run)
            continue
        rows = list(_next_rows(tables[table], after, room))
        position = [table, str(rows[-1].pk)] if rows else [table + 1, None]
        try:
            _write(run, rows, position)
        except IntegrityError:
            continue  # another run took one of the rows at this moment: the next look finds its number
        except RowsHeld:
            if _take_back(run):
                raise
        run.refresh_from_db()
        if progress(run.planned_items) is False:
            return


def tables_of(run: MigrationRun) -> list[Rows]:
    """Return what the run is planned from, in this order: of a purge items of earlier runs, else rows."""
    if run.kind == RunKind.PURGE:
        return [kept_sources(run, grace=vault_config().migration.grace)]
    return rows_to_move(run)


def _next_rows(rows: Rows, after: str | None, count: int) -> Rows:
    later = rows if after is None else rows.filter(pk__gt=after)
    return later.order_by("pk")[:count]


def _write(run: MigrationRun, rows: Sequence[Any], position: list[Any]) -> None:
    """One batch and the position behind it, or neither: another planner may have been here."""
    items = list(_items(run, rows))
    with transaction.atomic(durable=True):
        here = MigrationRun.objects.select_for_update(of=("self",)).filter(pk=run.pk, planned_at=None).first()
        if here is None or here.state not in PLANNED_IN or here.plan_position != run.plan_position:
            return
        held = [item.object_id for item in items if item.holds_row]
        holder = MigrationItem.objects.filter(object_id__in=held, holds_row=True).exclude(run=run).first()
        if holder is not None:
            raise RowsHeld(holder.run_id)
        new = list(_new(run, items))
        MigrationItem.objects.bulk_create(new)
        MigrationRun.objects.filter(pk=run.pk).update(
            plan_position=position, planned_items=F("planned_items") + len(new)
        )


def _new(run: MigrationRun, items: Sequence[MigrationItem]) -> Iterator[MigrationItem]:
    """Yield those that the run does not have yet: an upload that was confirmed meanwhile comes by twice.

    A purge may have an object several times, once for each place where something of it is kept; the first holds the
    row.
    """
    ids = [item.object_id for item in items]
    known = set(MigrationItem.objects.filter(run=run, object_id__in=ids).values_list("object_id", flat=True))
    for item in items:
        if item.object_id not in known:
            yield item
        elif run.kind == RunKind.PURGE:
            item.holds_row = False
            yield item
        known.add(item.object_id)


def _take_back(run: MigrationRun) -> bool:
    """As if nothing had been planned: who tries the run again later plans it from its beginning.

    Returns False where another planner got through, because the holder let go at this moment: its items are at work.
    """
    with transaction.atomic(durable=True):
        if not MigrationRun.objects.filter(pk=run.pk, planned_at=None).update(plan_position=[], planned_items=0):
            return False
        MigrationItem.objects.filter(run=run).delete()
        return True


def _finish(run: MigrationRun) -> None:
    there = 0
    if run.kind == RunKind.COPY:
        there = sum(rows.filter(storage_type=run.destination).count() for rows in rows_of(run))
    unplanned = MigrationRun.objects.filter(pk=run.pk, planned_at=None, state__in=PLANNED_IN)
    unplanned.update(planned_at=Now(), already_there=there)
    run.refresh_from_db()


def _items(run: MigrationRun, rows: Sequence[Any]) -> Iterator[MigrationItem]:
    if run.kind == RunKind.PURGE:
        yield from (_purging(run, item) for item in rows)
        return
    used = used_keys(run, [row.pk for row in rows])
    for row in rows:
        yield _moving(run, row, is_used=(row.pk, row.storage_path) in used)


def used_keys(run: MigrationRun, ids: Sequence[UUID]) -> set[tuple[UUID, str]]:
    """Keys of the destination under which a late worker of an earlier run may still put or delete something.

    What was deleted there, or begun and never switched to, is not written under the same key again: a process that
    stood still in the middle of a deletion, and goes on, then finds nothing of ours.
    """
    earlier = MigrationItem.objects.filter(object_id__in=ids).exclude(run=run)
    gone = earlier.filter(
        source_type=run.destination, source_state__in=[SourceState.PURGING, SourceState.PURGED]
    ).values_list("object_id", "source_path")
    return {*gone, *begun_before(run, earlier).values_list("object_id", "destination_path")}


def begun_before(run: MigrationRun, items: "QuerySet[MigrationItem]") -> "QuerySet[MigrationItem]":
    """Return those of ``items`` whose copies to the run's destination were begun and never switched to."""
    begun = items.filter(run__destination=run.destination, run__kind=RunKind.COPY, attempts__gt=0)
    return begun.exclude(state=ItemState.DONE)


def _moving(run: MigrationRun, row: Row, *, is_used: bool) -> MigrationItem:
    path = another_key(row.storage_path, run) if is_used else row.storage_path
    item = MigrationItem(
        run=run,
        object_id=row.pk,
        source_type=row.storage_type,
        source_path=row.storage_path,
        destination_path=row.storage_path if run.kind == RunKind.VERIFY else path,
        size=row.sealed_size,
        digest=row.digest,
        holds_row=run.kind == RunKind.COPY,
    )
    refusal = _refusal(row)
    return _refused(item, refusal) if refusal else item


def _refused(item: MigrationItem, code: str) -> MigrationItem:
    item.state, item.code, item.detail, item.holds_row = ItemState.FAILED, code, REFUSALS[code], False
    item.finished_at = database_now()
    return item


def another_key(path: str, run: MigrationRun) -> str:
    """Return a key for the same object that no other run writes; the id in it is still found."""
    stem, dot, ending = path.rpartition(".")
    return f"{stem}_m{run.pk}{dot}{ending}" if dot else f"{path}_m{run.pk}"


def _refusal(row: Row) -> str:
    if vault_config().store(row.storage_type) is None:
        return NOT_CONFIGURED
    return "" if row.digest else NO_DIGEST


def _purging(run: MigrationRun, kept: MigrationItem) -> MigrationItem:
    was_switched = kept.state == ItemState.DONE
    item = MigrationItem(
        run=run,
        object_id=kept.object_id,
        source_type=kept.source_type if was_switched else run.destination,
        source_path=kept.source_path if was_switched else kept.destination_path,
        destination_path=kept.destination_path,
        size=kept.size,
        digest=kept.digest,
        holds_row=True,
        kept_item=kept,
    )
    return item if vault_config().store(item.source_type) else _refused(item, NOT_CONFIGURED)
