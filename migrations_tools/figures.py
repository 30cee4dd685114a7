"""How far a run is, counted from its items."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Sum

from documents.models.clock import database_now
from migrations_tools.models import MigrationRun
from migrations_tools.states import ItemState


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of items, and the bytes of their sealed objects. ``total`` grows while the run is planned.

    ``elapsed`` is from the run's beginning to its end, or until now; pauses count too. ``remaining`` is what is pending
    at the rate so far, None where there is no rate yet.
    """

    total: int
    pending: int
    successful: int
    skipped: int
    failed: int
    total_bytes: int
    successful_bytes: int
    pending_bytes: int
    elapsed: timedelta
    last_finished_at: datetime | None

    @property
    def bytes_per_second(self) -> float:
        """Of sealed objects that were done well; 0.0 before the first second is over."""
        seconds = self.elapsed.total_seconds()
        return self.successful_bytes / seconds if seconds else 0.0

    @property
    def items_per_second(self) -> float:
        """Of all items that are over, however they ended."""
        seconds = self.elapsed.total_seconds()
        return (self.total - self.pending) / seconds if seconds else 0.0

    @property
    def remaining(self) -> timedelta | None:
        """How long what is pending takes at this rate, None where there is none yet."""
        rate = self.items_per_second
        return timedelta(seconds=self.pending / rate) if rate else None


def figures_of(run: MigrationRun) -> Figures:
    """Count the run's items by state: one query, over the run's items alone."""
    counted = (
        run.items.order_by().values("state").annotate(count=Count("pk"), size=Sum("size"), last=Max("finished_at"))
    )
    by_state = {row["state"]: row for row in counted}

    def count(state: ItemState) -> int:
        return by_state[state]["count"] if state in by_state else 0

    def size(state: ItemState) -> int:
        return by_state[state]["size"] if state in by_state else 0

    until = run.finished_at or database_now()
    finished = [row["last"] for row in by_state.values() if row["last"]]
    return Figures(
        total=sum(row["count"] for row in by_state.values()),
        pending=count(ItemState.PENDING),
        successful=count(ItemState.DONE),
        skipped=count(ItemState.SKIPPED),
        failed=count(ItemState.FAILED),
        total_bytes=sum(row["size"] for row in by_state.values()),
        successful_bytes=size(ItemState.DONE),
        pending_bytes=size(ItemState.PENDING),
        elapsed=until - run.started_at if run.started_at else timedelta(),
        last_finished_at=max(finished, default=None),
    )
