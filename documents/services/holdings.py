"""How much each store holds: by the rows, or by the store itself."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from documents.conf.storage_file import FailoverConfig
from documents.models import Attachment, Payload, StagedAttachment
from documents.storage.base import StorageProvider
from documents.wiring import vault_config


@dataclass(frozen=True, slots=True)
class Holdings:
    """``small`` has, for some sizes, how many objects are smaller and how many bytes those have together."""

    objects: int = 0
    size: int = 0
    small: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def billed_size(self, smallest: int) -> int:
        """The bytes where each object counts with ``smallest`` at the least, 0 or one of the sizes in ``small``."""
        if not smallest:
            return self.size
        count, size = self.small.get(smallest, (0, 0))
        return self.size - size + count * smallest


def holdings_by_rows(sizes: Iterable[int]) -> dict[str, Holdings]:
    """Return what the rows of documents, uploads and payloads say is stored, by store.

    ``sizes`` are those of ``Holdings.small``. What a failover has counts for its members, as ``places_of`` says.
    """
    wanted = [size for size in set(sizes) if size]
    staged = StagedAttachment.objects.filter(state=StagedAttachment.State.STAGED)
    found: dict[str, Holdings] = defaultdict(Holdings)
    for rows in (Attachment.objects.all(), staged, Payload.objects.all()):
        for row in _totals(rows, wanted):
            small = {size: (row[f"count_{size}"], row[f"size_{size}"]) for size in wanted}
            for place in places_of(row["storage_type"]):
                found[place] = _together(found[place], Holdings(row["objects"], row["size"], small))
    return dict(found)


def stores_of_rows() -> set[str]:
    """Return every ``storage_type`` that a row of a document, an upload or a payload has."""
    kinds = (Attachment.objects, StagedAttachment.objects, Payload.objects)
    return {name for rows in kinds for name in rows.order_by().values_list("storage_type", flat=True).distinct()}


def places_of(storage_type: str) -> tuple[str, ...]:
    """Return the stores in which an object is whose row has this storage type.

    Of a failover they are its first member, and the second too where it makes a second copy: so each object counts
    once, or twice with a copy. What a failover wrote elsewhere while a member was down counts as if it had not been.
    """
    store = vault_config().store(storage_type)
    if not isinstance(store, FailoverConfig):
        return (storage_type,)
    members = store.stores[: 2 if store.second_copy else 1]
    return tuple(place for member in members for place in places_of(member))


def holdings_by_listing(provider: StorageProvider, sizes: Iterable[int]) -> Holdings:
    """List the whole store, in flat memory. Raises StorageError."""
    objects = size = 0
    counts: Counter[int] = Counter()
    totals: Counter[int] = Counter()
    wanted = [least for least in set(sizes) if least]
    for info in provider.iter_locations():
        objects += 1
        size += info.size
        for least in wanted:
            if info.size < least:
                counts[least] += 1
                totals[least] += info.size
    return Holdings(objects, size, {least: (counts[least], totals[least]) for least in wanted})


def _totals(rows: "QuerySet[Any]", sizes: list[int]) -> "QuerySet[Any]":
    """One row for each storage type; nothing is loaded."""
    each: dict[str, Any] = {"objects": Count("pk"), "size": Coalesce(Sum("sealed_size"), 0)}
    for size in sizes:
        smaller = Q(sealed_size__lt=size)
        each[f"count_{size}"] = Count("pk", filter=smaller)
        each[f"size_{size}"] = Coalesce(Sum("sealed_size", filter=smaller), 0)
    totals: QuerySet[Any] = rows.order_by().values("storage_type").annotate(**each)
    return totals


def _together(one: Holdings, other: Holdings) -> Holdings:
    small = {
        size: (count + one.small.get(size, (0, 0))[0], total + one.small.get(size, (0, 0))[1])
        for size, (count, total) in other.small.items()
    }
    return Holdings(one.objects + other.objects, one.size + other.size, small)
