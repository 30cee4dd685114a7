"""What stores are asked for in a month, by the audit log of the last thirty days."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import BigIntegerField, Count, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from documents.models import Attachment, AuditEvent
from documents.models.clock import database_now
from documents.services.holdings import places_of

COUNTED = timedelta(days=30)
# The mean of a year's months.
MONTH = timedelta(days=365.25) / 12
# A vault that is younger is not scaled up further.
_SHORTEST = timedelta(days=1)
# What a large upload asks beside its parts: its beginning and its end, and two looks at the key before and after.
_EXTRA_PUTS, _EXTRA_GETS = 2, 2


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests and bytes in a month. Writing requests are PUT, POST and LIST, reading ones GET and HEAD."""

    put_requests: Decimal = Decimal()
    get_requests: Decimal = Decimal()
    transfer_out: Decimal = Decimal()

    def scaled(self, factor: Decimal) -> "Traffic":
        """Return so many times the traffic."""
        return Traffic(self.put_requests * factor, self.get_requests * factor, self.transfer_out * factor)

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(
            self.put_requests + other.put_requests,
            self.get_requests + other.get_requests,
            self.transfer_out + other.transfer_out,
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """Traffic by storage type, scaled to a month from what was seen in ``period``."""

    period: timedelta
    by_store: dict[str, Traffic]


def traffic_by_audit(*, new_documents_go_to: str, part_size: int, payloads_go_to: str = "") -> Observed:
    """Return what uploads and downloads asked of each store.

    An upload of up to ``part_size`` bytes is one writing request and a look at the result; a larger one is a request
    for each part, two more, and three looks. A whole download is one reading request, a part of a document two.
    Uploads, and downloads of what is deleted by now, count for the store ``new_documents_go_to``, payloads that are
    sealed for ``payloads_go_to`` (the same unless it is said). What a failover is asked counts for its members: writing
    for each that gets a copy, reading for the first.
    """
    now = database_now()
    first: datetime = AuditEvent.objects.aggregate(first=Min("at"))["first"] or now
    period = max(_SHORTEST, min(COUNTED, now - first))
    events = AuditEvent.objects.order_by().filter(at__gt=now - COUNTED)
    found: dict[str, Traffic] = defaultdict(Traffic)
    for store, read in _downloads(events, new_documents_go_to).items():
        found[places_of(store)[0]] += read
    for action, store in (("upload.staged", new_documents_go_to), ("payload.stored", payloads_go_to)):
        written = _writes(events.filter(action=action), part_size)
        for place in places_of(store or new_documents_go_to):
            found[place] += written
    factor = Decimal(MONTH // timedelta(seconds=1)) / Decimal(period // timedelta(seconds=1))
    return Observed(period, {store: traffic.scaled(factor) for store, traffic in found.items()})


def _writes(events: "QuerySet[AuditEvent]", part_size: int) -> Traffic:
    large = Q(bytes__gt=part_size)
    row = events.annotate(bytes=Coalesce(_number("size"), Value(0))).aggregate(
        all=Count("pk"),
        large=Count("pk", filter=large),
        parts=Coalesce(Sum((F("bytes") + (part_size - 1)) / part_size, filter=large), 0),
    )
    small = row["all"] - row["large"]
    return Traffic(
        put_requests=Decimal(small + row["parts"] + _EXTRA_PUTS * row["large"]),
        get_requests=Decimal(row["all"] + _EXTRA_GETS * row["large"]),
    )


def _downloads(events: "QuerySet[AuditEvent]", otherwise: str) -> dict[str, Traffic]:
    attachment = Attachment.objects.filter(pk=OuterRef("attachment_id"))
    size: Any = Subquery(attachment.values("size"))
    rows = (
        events.filter(action__in=("document.downloaded", "link.downloaded"))
        .annotate(
            store=Coalesce(Subquery(attachment.values("storage_type")), Value(otherwise)),
            whole=size,
            start=Coalesce(_number("start"), Value(0)),
            # A download by a link tells no range; most are whole.
            stop=Coalesce(_number("stop"), size, Value(0)),
        )
        .values("store")
        .annotate(
            count=Count("pk"),
            ranges=Count("pk", filter=Q(start__gt=0) | Q(stop__lt=F("whole"))),
            sent=Sum(F("stop") - F("start")),
        )
    )
    return {
        row["store"]: Traffic(
            get_requests=Decimal(row["count"] + row["ranges"]), transfer_out=Decimal(max(row["sent"], 0))
        )
        for row in rows
    }


def _number(name: str) -> Any:
    return Cast(KeyTextTransform(name, "detail"), BigIntegerField())
