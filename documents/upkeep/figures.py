"""How far a run is: computed from its shares and findings, whoever did them."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Sum

from documents.models import UpkeepRun, UpkeepShare
from documents.models.clock import database_now


@dataclass(frozen=True, slots=True)
class Figures:
    """``total`` objects were to be done and ``seen`` are; ``changed`` of them got something new. ``size`` is in bytes.

    ``classes`` are the counts of the findings by their class, the most frequent first.
    """

    total: int
    seen: int
    changed: int
    size: int
    classes: dict[str, int]
    elapsed: timedelta

    @property
    def findings(self) -> int:
        return sum(self.classes.values())

    @property
    def percent(self) -> int:
        """Whole, and 100 only where nothing is left to do."""
        return min(100, 100 * self.seen // self.total) if self.total else 0

    @property
    def rate(self) -> float:
        """Objects a second since the run began."""
        seconds = self.elapsed.total_seconds()
        return self.seen / seconds if seconds > 0 else 0.0

    @property
    def remaining(self) -> timedelta | None:
        """At the rate so far; None where nothing is known of it."""
        left = self.total - self.seen
        return timedelta(seconds=left / self.rate) if left > 0 and self.rate else None


def figures_of(run: UpkeepRun) -> Figures:
    """Look at the run's shares and findings."""
    sums = UpkeepShare.objects.filter(run=run.pk).aggregate(
        seen=Sum("seen", default=0), changed=Sum("changed", default=0), size=Sum("size", default=0)
    )
    counted = run.findings.order_by().values_list("code").annotate(count=Count("pk")).order_by("-count", "code")
    elapsed = (run.finished_at or database_now()) - run.created_at
    return Figures(run.total, **sums, classes=dict(counted), elapsed=elapsed)
