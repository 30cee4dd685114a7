"""What a run is called, and the counts that the list of runs shows, of all its rows by one query."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.states import ItemState, RunKind

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
    """Return the counts by the runs' ids. One query, answered by the index on run and state."""
    items = MigrationItem.objects.filter(run__in=[run.pk for run in runs]).order_by()
    found: dict[int, dict[str, int]] = {run.pk: {} for run in runs}
    for row in items.values("run_id", "state").annotate(count=Count("pk")):
        found[row["run_id"]][row["state"]] = row["count"]
    return {
        pk: Counts(
            pending=by_state.get(ItemState.PENDING, 0),
            successful=by_state.get(ItemState.DONE, 0),
            failed=by_state.get(ItemState.FAILED, 0),
            skipped=by_state.get(ItemState.SKIPPED, 0),
        )
        for pk, by_state in found.items()
    }
