"""What a run would do, counted before it is made: nothing is written, and no object is read."""

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from documents.storage.capabilities import FreeSpace
from documents.wiring import store_itself, vault_config
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import NO_DIGEST, NOT_CONFIGURED, Rows, kept_sources, rows_of, rows_to_move
from migrations_tools.states import RunKind


@dataclass(frozen=True)
class Amount:
    """Objects, and the bytes of their sealed bodies."""

    objects: int = 0
    size: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.objects + other.objects, self.size + other.size)


@dataclass
class Preview:
    """``by_store``: what would be moved, by the store that has it now. ``refused``: objects by the code of the reason.

    ``already_there``: rows that name the destination. ``held_by``: a run that has one of the rows, and would have this
    one refused. ``largest`` is in bytes. ``free`` is the destination's room in bytes, None where it tells of none.
    """

    destination: str
    by_store: dict[str, Amount] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    already_there: Amount = field(default_factory=Amount)
    held_by: int | None = None
    free: int | None = None

    @property
    def total(self) -> Amount:
        """Everything that would be moved; a limit is not counted in."""
        return sum(self.by_store.values(), Amount())

    @property
    def has_room(self) -> bool:
        return self.free is None or self.total.size <= self.free


def preview(run: MigrationRun) -> Preview:
    """Count what ``run``, which need not be saved, would do. A few queries, whatever the vault's size."""
    found = Preview(run.destination, free=_free(run))
    if run.kind == RunKind.PURGE:
        counted = kept_sources(run, grace=vault_config().migration.grace).order_by().values("source_type")
        for row in counted.annotate(objects=Count("pk"), bytes=Coalesce(Sum("size"), 0)):
            found.by_store[row["source_type"]] = Amount(row["objects"], row["bytes"])
        return found
    for rows in rows_to_move(run):
        _count(found, rows)
    if run.kind == RunKind.COPY:
        there = (rows.filter(storage_type=run.destination) for rows in rows_of(run))
        found.already_there = sum((_amount(rows) for rows in there), Amount())
        found.held_by = _holder(run)
    return found


def _count(found: Preview, rows: Rows) -> None:
    counted = (
        rows.order_by()
        .values("storage_type")
        .annotate(
            objects=Count("pk"),
            bytes=Coalesce(Sum("sealed_size"), 0),
            without_digest=Count("pk", filter=Q(digest="")),
            their_bytes=Coalesce(Sum("sealed_size", filter=Q(digest="")), 0),
        )
    )
    for row in counted:
        store = row["storage_type"]
        if vault_config().store(store) is None:
            found.refused[NOT_CONFIGURED] += row["objects"]
            continue
        if row["without_digest"]:
            found.refused[NO_DIGEST] += row["without_digest"]
        movable = Amount(row["objects"] - row["without_digest"], row["bytes"] - row["their_bytes"])
        if movable.objects:
            found.by_store[store] = found.by_store.get(store, Amount()) + movable


def _amount(rows: Rows) -> Amount:
    counted = rows.aggregate(objects=Count("pk"), bytes=Coalesce(Sum("sealed_size"), 0))
    return Amount(counted["objects"], counted["bytes"])


def _holder(run: MigrationRun) -> int | None:
    held = MigrationItem.objects.filter(holds_row=True)
    for rows in rows_to_move(run):
        if item := held.filter(object_id__in=rows.order_by().values("pk")).first():
            return item.run_id
    return None


def _free(run: MigrationRun) -> int | None:
    provider = store_itself(run.destination)
    return provider.free_bytes() if isinstance(provider, FreeSpace) else None
