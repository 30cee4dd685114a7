"""What a run is called, and the counts that the list of runs shows, of all its rows by two queries."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F

from migrations_tools.models import MigrationItem, MigrationReport, MigrationRun
from migrations_tools.states import OVER, ItemState, RunKind

_PURPOSES = {
    RunKind.COPY: "copy to {}",
    RunKind.VERIFY: "verify what is at {}",
    RunKind.PURGE: "purge what was kept of moves to {}",
}


def purpose_of(run: MigrationRun) -> str:
    """Return what the run is for, as headings say it."""
    return _PURPOSES[RunKind(run.kind)].format(run.destination)


@dataclass(frozen=True, slots=True)
class Counts:
    """Items of a run by their state."""

    pending: int = 0
    successful: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.over

    @property
    def over(self) -> int:
        return self.successful + self.failed + self.skipped


def counts_of(runs: Iterable[MigrationRun]) -> dict[int, Counts]:
    """Return the counts by the runs' ids: as they were kept of those that are over, and of the others counted now.

    Two queries. A run of a million items takes a quarter of a second to count, and a page has twenty.
    """
    found = {run.pk: Counts() for run in runs}
    kept = _kept_counts(found)
    return found | kept | _counted(found.keys() - kept.keys())


def _kept_counts(runs: Iterable[int]) -> dict[int, Counts]:
    """Of runs whose report is of them as they are now: one that is tried again loses its end."""
    reports = MigrationReport.objects.filter(
        run__in=list(runs), run__state__in=OVER, created_at__gte=F("run__finished_at"), pending__isnull=False
    )
    names = ("pending", "successful", "failed", "skipped")
    return {run: Counts(*counts) for run, *counts in reports.values_list("run_id", *names)}


def _counted(runs: Iterable[int]) -> dict[int, Counts]:
    """Answered by the index on run and state."""
    items = MigrationItem.objects.filter(run__in=list(runs)).order_by()
    counted: dict[int, dict[str, int]] = {run: {} for run in runs}
    for row in items.values("run_id", "state").annotate(count=Count("pk")):
        counted[row["run_id"]][row["state"]] = row["count"]
    return {
        run: Counts(
            pending=by_state.get(ItemState.PENDING, 0),
            successful=by_state.get(ItemState.DONE, 0),
            failed=by_state.get(ItemState.FAILED, 0),
            skipped=by_state.get(ItemState.SKIPPED, 0),
        )
        for run, by_state in counted.items()
    }
