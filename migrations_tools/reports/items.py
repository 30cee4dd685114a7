"""The items of a run, one after another: read in batches by an index, so that a million fit into flat memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from documents.redaction import redacted
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.states import ItemState

BATCH = 500
_COLUMNS = (
    "pk", "object_id", "state", "code", "detail", "source_type", "source_path", "destination_path", "size", "digest",
    "attempts", "finished_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReportedItem:
    """What a report says of an item: ids and object keys, never a name. ``size`` in bytes, ``digest`` SHA-256 in hex.

    ``destination`` and ``destination_key`` are where it was to go; ``detail`` is what the store said, without anything
    that grants access.
    """

    object_id: UUID
    state: str
    code: str
    detail: str
    source: str
    source_key: str
    destination: str
    destination_key: str
    size: int
    digest: str
    attempts: int
    finished_at: datetime | None


def failed_items(run: MigrationRun) -> Iterator[ReportedItem]:
    """Yield the failed items in the order of the plan; nothing is read before it is asked for."""
    after = 0
    failed = run.items.filter(state=ItemState.FAILED).order_by("id")
    while batch := _read(failed.filter(pk__gt=after)):
        yield from (_reported(run, row) for row in batch)
        after = batch[-1]["pk"]


def every_item(run: MigrationRun) -> Iterator[ReportedItem]:
    """Yield each item once, by object id, whatever becomes of it meanwhile."""
    items = run.items.order_by("object_id", "source_type")
    later = items
    while batch := _read(later):
        yield from (_reported(run, row) for row in batch)
        object_id, source = batch[-1]["object_id"], batch[-1]["source_type"]
        # The index finds the place by the object alone; the other condition leaves out what was there already.
        behind = Q(object_id__gt=object_id) | Q(source_type__gt=source)
        later = items.filter(behind, object_id__gte=object_id)


def _read(items: QuerySet[MigrationItem]) -> list[dict[str, Any]]:
    """The next batch, as plain values: an item of a million is not worth a model instance."""
    return list(items.values(*_COLUMNS)[:BATCH])


def _reported(run: MigrationRun, row: dict[str, Any]) -> ReportedItem:
    return ReportedItem(
        object_id=row["object_id"],
        state=row["state"],
        code=row["code"],
        detail=redacted(row["detail"]) if row["detail"] else "",
        source=row["source_type"],
        source_key=row["source_path"],
        destination=run.destination,
        destination_key=row["destination_path"],
        size=row["size"],
        digest=row["digest"],
        attempts=row["attempts"],
        finished_at=row["finished_at"],
    )
