"""What the report of a run says: everything is counted from rows when it is asked for, so a crash falsifies nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Sum

from documents.models.clock import database_now
from documents.redaction import redacted
from migrations_tools.copying import THERE
from migrations_tools.figures import Figures, figures_of
from migrations_tools.models import MigrationRun
from migrations_tools.reports.codes import Meaning, meaning_of
from migrations_tools.reports.kept import still_elsewhere
from migrations_tools.reports.measures import SizeClass, Throughput, sizes_of, throughput_of
from migrations_tools.states import ItemState


@dataclass(frozen=True, slots=True)
class Source:
    """A store that items were planned from, how many, and their bytes."""

    store: str
    items: int
    size: int


@dataclass(frozen=True, slots=True)
class Options:
    """What the run was asked for, as in MigrationRun. ``owner`` is a user's id; None is everything."""

    owner: int | None
    since: datetime | None
    max_items: int | None
    batch_size: int
    workers: int
    threads: int
    bandwidth: int


@dataclass(frozen=True, slots=True)
class Cause:
    """Why ``count`` items are in ``state``, FAILED or SKIPPED."""

    state: ItemState
    code: str
    count: int

    @property
    def meaning(self) -> Meaning:
        return meaning_of(self.code)


@dataclass(frozen=True, slots=True)
class Report:
    """A run as its rows tell it at ``made_at``. Sizes are bytes, times aware and UTC; it holds no list of items.

    ``total`` is the sum of ``successful``, ``failed``, ``skipped`` and ``pending``; pending ones are left where a run
    is not over, or could not go on. ``skipped`` includes ``already_there``, the rows that the destination had before
    the run. ``still_elsewhere`` is as ``kept.still_elsewhere`` tells it. ``created_by`` is a user's id, None for the
    system or a user who is no more. ``duration`` is from the beginning to the end, or until now; pauses count.
    """

    run_id: int
    kind: str
    state: str
    destination: str
    sources: tuple[Source, ...]
    options: Options
    created_by: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    made_at: datetime
    note: str
    total: int
    successful: int
    failed: int
    skipped: int
    pending: int
    already_there: int
    still_elsewhere: int | None
    total_bytes: int
    successful_bytes: int
    duration: timedelta
    causes: tuple[Cause, ...]
    throughput: Throughput
    sizes: tuple[SizeClass, ...]

    @property
    def bytes_per_second(self) -> int:
        """Whole bytes of successful items in a second of the duration; 0 where there is none."""
        seconds = self.duration.total_seconds()
        return round(self.successful_bytes / seconds) if seconds else 0

    def causes_of(self, state: ItemState) -> list[Cause]:
        """Return the causes of failed or of skipped items, the most frequent first."""
        return [cause for cause in self.causes if cause.state == state]


def report_of(run: MigrationRun) -> Report:
    """Count everything a report says: five queries over the run's items, whatever their number."""
    run = MigrationRun.objects.get(pk=run.pk)
    now, figures = database_now(), figures_of(run)
    return Report(
        run_id=run.pk,
        kind=run.kind,
        state=run.state,
        destination=run.destination,
        sources=_sources(run),
        options=_options(run),
        created_by=run.created_by_id,
        created_at=run.created_at.astimezone(UTC),
        started_at=_utc(run.started_at),
        finished_at=_utc(run.finished_at),
        made_at=now,
        note=redacted(run.note),
        **_counts(run, figures),
        already_there=run.already_there,
        still_elsewhere=still_elsewhere(run),
        total_bytes=figures.total_bytes,
        successful_bytes=figures.successful_bytes,
        duration=figures.elapsed,
        causes=_causes(run),
        throughput=throughput_of(run, run.finished_at or now),
        sizes=sizes_of(run),
    )


def _counts(run: MigrationRun, figures: Figures) -> dict[str, int]:
    """What was there already has no items, but for those that came there while the run went on."""
    return {
        "total": figures.total + run.already_there,
        "successful": figures.successful,
        "failed": figures.failed,
        "skipped": figures.skipped + run.already_there,
        "pending": figures.pending,
    }


def _sources(run: MigrationRun) -> tuple[Source, ...]:
    counted = run.items.order_by("source_type").values("source_type").annotate(count=Count("pk"), bytes=Sum("size"))
    return tuple(Source(row["source_type"], row["count"], row["bytes"]) for row in counted)


def _causes(run: MigrationRun) -> tuple[Cause, ...]:
    ended = run.items.order_by().filter(state__in=[ItemState.FAILED, ItemState.SKIPPED])
    counted = ended.values("state", "code").annotate(count=Count("pk"))
    counts = {(ItemState(row["state"]), row["code"]): row["count"] for row in counted}
    if run.already_there:
        there = (ItemState.SKIPPED, THERE)
        counts[there] = counts.get(there, 0) + run.already_there
    causes = (Cause(state, code, count) for (state, code), count in counts.items())
    return tuple(sorted(causes, key=lambda cause: (cause.state, -cause.count, cause.code)))


def _options(run: MigrationRun) -> Options:
    return Options(
        owner=run.owner_id,
        since=_utc(run.since),
        max_items=run.max_items,
        batch_size=run.batch_size,
        workers=run.workers,
        threads=run.threads,
        bandwidth=run.bandwidth,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.astimezone(UTC)
