"""What a run would do, counted before it is made: nothing is written, and no object is read."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, Sum
from django.db.models.functions import Coalesce

from documents.errors import StorageError
from documents.storage.capabilities import FreeSpace
from documents.wiring import store_itself, vault_config
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import NO_DIGEST, NOT_CONFIGURED, Rows, begun_before, rows_of, tables_of
from migrations_tools.states import ItemState, RunKind, SourceState


@dataclass(frozen=True)
class Amount:
    """Objects, and the bytes of their sealed bodies."""

    objects: int = 0
    size: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.objects + other.objects, self.size + other.size)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.objects - other.objects, self.size - other.size)


@dataclass
class Preview:
    """``by_store``: what would be copied, read or purged, by the store that has it now. ``limit`` is counted in.

    ``kept_there``: of these, the objects whose earlier copy was kept at the destination; it is compared, and needs no
    room. ``largest`` is the size of the largest object in bytes. ``refused``: objects by the code of the reason.
    ``already_there``: rows that name the destination. ``held_by``: a run that has one of the rows, and would have this
    one refused. ``free`` is the destination's room in bytes; None where it tells of none, or none is needed.
    """

    kind: str
    destination: str
    limit: int | None = None
    by_store: dict[str, Amount] = field(default_factory=dict)
    kept_there: Amount = field(default_factory=Amount)
    largest: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    already_there: Amount = field(default_factory=Amount)
    held_by: int | None = None
    free: int | None = None

    @property
    def total(self) -> Amount:
        return sum(self.by_store.values(), Amount())

    @property
    def needed(self) -> int:
        """Bytes that are written to the destination."""
        return (self.total - self.kept_there).size if self.kind == RunKind.COPY else 0

    @property
    def has_room(self) -> bool:
        return self.free is None or self.needed <= self.free


def preview(run: MigrationRun) -> Preview:
    """Count what ``run``, which need not be saved, would do. A few queries, whatever the vault's size."""
    found = Preview(run.kind, run.destination, limit=run.max_items)
    count = _count_kept if run.kind == RunKind.PURGE else _count_rows
    left = run.max_items
    for rows in tables_of(run):
        first = rows if left is None else _first(rows, left)
        counted = count(found, run, first)
        left = None if left is None else left - counted
        if run.kind != RunKind.VERIFY and found.held_by is None:
            found.held_by = _holder(first, "object_id" if run.kind == RunKind.PURGE else "pk")
    if run.kind == RunKind.COPY:
        there = (rows.filter(storage_type=run.destination) for rows in rows_of(run))
        found.already_there = sum((_amount(rows) for rows in there), Amount())
        found.free = free_room(run)
    return found


def free_room(run: MigrationRun) -> int | None:
    """Return the destination's room in bytes; None where it tells of none, or does not answer (``probe`` says why)."""
    try:
        provider = store_itself(run.destination)
        return provider.free_bytes() if isinstance(provider, FreeSpace) else None
    except StorageError:
        return None


def _first(rows: Rows, number: int) -> Rows:
    """The rows that the plan takes first, as a query of their own that can be counted."""
    chosen = rows.order_by("pk").values("pk")[:number]
    first: Rows = rows.model._default_manager.filter(pk__in=chosen)
    return first


def _count_rows(found: Preview, run: MigrationRun, rows: Rows) -> int:
    counted = (
        rows.order_by()
        .values("storage_type")
        .annotate(
            objects=Count("pk"),
            bytes=Coalesce(Sum("sealed_size"), 0),
            largest=Max("sealed_size", filter=~Q(digest="")),
            without_digest=Count("pk", filter=Q(digest="")),
            their_bytes=Coalesce(Sum("sealed_size", filter=Q(digest="")), 0),
        )
    )
    objects = 0
    for row in counted:
        objects += row["objects"]
        _take_in(found, row)
    if run.kind == RunKind.COPY:
        movable = rows.filter(storage_type__in=list(found.by_store)).exclude(digest="")
        found.kept_there += _amount(movable.filter(_kept_at(run)))
    return objects


def _take_in(found: Preview, row: dict[str, Any]) -> None:
    """Add the rows of one store: what is refused as the plan refuses it, and the rest."""
    store = row["storage_type"]
    if vault_config().store(store) is None:
        found.refused[NOT_CONFIGURED] += row["objects"]
        return
    if row["without_digest"]:
        found.refused[NO_DIGEST] += row["without_digest"]
    movable = Amount(row["objects"], row["bytes"]) - Amount(row["without_digest"], row["their_bytes"])
    if movable.objects:
        found.by_store[store] = found.by_store.get(store, Amount()) + movable
        found.largest = max(found.largest, row["largest"])


def _count_kept(found: Preview, run: MigrationRun, kept: Rows) -> int:
    """Of a purge: what was copied goes from its source, what was begun and never switched to from the destination."""
    counted = (
        kept.order_by()
        .values("source_type", "state")
        .annotate(objects=Count("pk"), bytes=Coalesce(Sum("size"), 0), largest=Max("size"))
    )
    objects = 0
    for row in counted:
        objects += row["objects"]
        store = row["source_type"] if row["state"] == ItemState.DONE else run.destination
        if vault_config().store(store) is None:
            found.refused[NOT_CONFIGURED] += row["objects"]
            continue
        found.by_store[store] = found.by_store.get(store, Amount()) + Amount(row["objects"], row["bytes"])
        found.largest = max(found.largest, row["largest"])
    return objects


def _kept_at(run: MigrationRun) -> Q:
    """Whether an earlier run kept the very object that this one would write, so that the plan compares it alone."""
    same = MigrationItem.objects.filter(object_id=OuterRef("pk"))
    kept = same.filter(source_type=run.destination, source_path=OuterRef("storage_path"), source_state=SourceState.KEPT)
    begun = begun_before(run, same).filter(destination_path=OuterRef("storage_path"))
    return Q(Exists(kept)) & ~Q(Exists(begun))


def _amount(rows: Rows) -> Amount:
    counted = rows.order_by().aggregate(objects=Count("pk"), bytes=Coalesce(Sum("sealed_size"), 0))
    return Amount(counted["objects"], counted["bytes"])


def _holder(rows: Rows, ids: str) -> int | None:
    held = MigrationItem.objects.filter(holds_row=True, object_id__in=rows.order_by().values(ids)).first()
    return held.run_id if held else None
