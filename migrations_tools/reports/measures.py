"""How a run went over time, and how large its objects were: counted by the database, whichever it is."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, Count, F, FloatField, Func, IntegerField, Sum, Value, When
from django.db.models.sql.compiler import SQLCompiler

from migrations_tools.models import MigrationRun
from migrations_tools.states import ItemState

Sql = tuple[str, Any]  # and its parameters

MOST_BUCKETS = 60
_DAY = 86_400
# Seconds that a bucket may have: what clocks and people divide time into.
_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, _DAY)
# Upper ends of the size classes in bytes; what is larger is in one more.
_KIB = 1024
CLASSES = (4 * _KIB, 64 * _KIB, _KIB**2, 16 * _KIB**2, 256 * _KIB**2, 4 * _KIB**3)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Items that were successful from ``at`` on, for the width of a bucket, and their bytes."""

    at: datetime
    items: int
    size: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """At most 60 buckets of equal ``width``, from the run's beginning to its end; none before it began."""

    width: timedelta
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Items with fewer bytes than ``below`` that no smaller class has; None is the class of the largest."""

    below: int | None
    items: int
    size: int


class _Seconds(Func):
    """Seconds since 1970 of a time. A Julian day is a double: about 0.04 ms is what it can tell apart."""

    output_field = FloatField()
    template = "EXTRACT(EPOCH FROM %(expressions)s)::double precision"

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Sql:
        template = "((julianday(%(expressions)s) - 2440587.5) * 86400.0)"
        return self.as_sql(compiler, connection, template=template, **context)


class _Whole(Func):
    """The whole part of a number that is not negative."""

    output_field = IntegerField()
    template = "FLOOR(%(expressions)s)::integer"

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Sql:
        return self.as_sql(compiler, connection, template="CAST(%(expressions)s AS INTEGER)", **context)


def throughput_of(run: MigrationRun, until: datetime) -> Throughput:
    """Count what was successful between the run's beginning and ``until``: one query."""
    if run.started_at is None:
        return Throughput(timedelta(), ())
    span = max(0.0, (until - run.started_at).total_seconds())
    width = _width(span)
    number = max(1, math.ceil(span / width))
    since = run.started_at.astimezone(UTC)
    place = _Whole((_Seconds(F("finished_at")) - Value(since.timestamp())) / Value(float(width)))
    done = run.items.order_by().filter(state=ItemState.DONE, finished_at__isnull=False)
    counts, sizes = [0] * number, [0] * number
    for row in done.annotate(place=place).values("place").annotate(count=Count("pk"), bytes=Sum("size")):
        # What ended at the very end, or was still written by a worker that did not know of it, is in the last one.
        index = min(max(row["place"], 0), number - 1)
        counts[index] += row["count"]
        sizes[index] += row["bytes"]
    buckets = (Bucket(since + timedelta(seconds=width * i), counts[i], sizes[i]) for i in range(number))
    return Throughput(timedelta(seconds=width), tuple(buckets))


def sizes_of(run: MigrationRun) -> tuple[SizeClass, ...]:
    """Count the run's items by the size of their objects, every class whether it has any or not: one query."""
    classes = Case(
        *(When(size__lt=below, then=Value(index)) for index, below in enumerate(CLASSES)),
        default=Value(len(CLASSES)),
        output_field=IntegerField(),
    )
    counted = run.items.order_by().annotate(place=classes).values("place")
    found = {row["place"]: row for row in counted.annotate(count=Count("pk"), bytes=Sum("size"))}
    empty = {"count": 0, "bytes": 0}
    return tuple(
        SizeClass(below, found.get(index, empty)["count"], found.get(index, empty)["bytes"])
        for index, below in enumerate((*CLASSES, None))
    )


def _width(span: float) -> int:
    """The smallest width that makes no more than MOST_BUCKETS of ``span`` seconds."""
    fitting = (width for width in _WIDTHS if span <= width * MOST_BUCKETS)
    return next(fitting, _DAY * math.ceil(span / (_DAY * MOST_BUCKETS)))
