"""What the page of a run tells, each time that it is asked."""

import math
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from django.db.models import Count

from documents.redaction import redacted
from documents.wording import duration_in_words
from migrations_tools.figures import Figures, figures_of
from migrations_tools.models import MigrationRun
from migrations_tools.reports.contents import Cause
from migrations_tools.reports.items import ReportedItem, failed_items
from migrations_tools.reports.kept import still_elsewhere
from migrations_tools.states import MOVING, OVER, RUN_TRANSITIONS, ItemState, RunState

# Failed items on the page; the report has all of them.
MOST_FAILED = 50
# Seconds between two looks of a browser; a run of many items is looked at so seldom that looking takes a tenth of the
# time at the most.
LOOK = 2


@dataclass(frozen=True, slots=True)
class Progress:
    """``causes``: the most frequent first. ``next_look`` is in seconds, None where the run stands still.

    ``still_elsewhere`` is what a run that is over left in other stores, as its report tells it.
    """

    run: MigrationRun
    figures: Figures
    causes: list[Cause]
    failed_items: list[ReportedItem]
    next_look: int | None
    still_elsewhere: int | None

    @property
    def is_planned(self) -> bool:
        """Whether ``figures.total`` is final: it stays as it is once the plan is made, or the run over."""
        return self.run.planned_at is not None or self.run.state in OVER

    @property
    def note(self) -> str:
        """Why it stands still or failed, without anything that grants access."""
        return redacted(self.run.note)

    @property
    def over(self) -> int:
        return self.figures.total - self.figures.pending

    @property
    def percent(self) -> int:
        """Whole, and 100 only where nothing is pending."""
        return 100 * self.over // self.figures.total if self.figures.total else 100

    @property
    def rate(self) -> int:
        """Bytes a second since the run began."""
        return round(self.figures.bytes_per_second)

    @property
    def remaining(self) -> str:
        """At the rate so far; "" where nothing is known of it, or the run stands still."""
        remaining = self.figures.remaining
        if self.run.state != RunState.RUNNING or not self.is_planned or remaining is None:
            return ""
        return duration_in_words(timedelta(seconds=math.ceil(remaining.total_seconds())))

    @property
    def elapsed(self) -> str:
        return duration_in_words(self.figures.elapsed)

    @property
    def possible(self) -> list[str]:
        """The names of what can be done to the run as it is now: pause, resume, retry, cancel, remove."""
        following = RUN_TRANSITIONS[RunState(self.run.state)]
        is_failed = self.run.state == RunState.FAILED
        offered = {
            "pause": RunState.PAUSING in following,
            "resume": RunState.QUEUED in following and not is_failed,
            # Also one that failed as a whole, before or after it was planned: its items are pending, or to be made.
            "retry": is_failed and (self.figures.failed + self.figures.pending > 0 or self.run.planned_at is None),
            "cancel": RunState.CANCELLING in following,
            "remove": self.run.state in OVER,
        }
        return [name for name, is_possible in offered.items() if is_possible]


def progress_of(run: MigrationRun) -> Progress:
    """Look at the run's items once: three queries, over its items alone."""
    begun = time.monotonic()
    figures = figures_of(run)
    failed = run.items.filter(state=ItemState.FAILED)
    counted = failed.values("code").annotate(count=Count("pk")).order_by("-count", "code")
    causes = [Cause(ItemState.FAILED, row["code"], row["count"]) for row in counted]
    items = list(islice(failed_items(run), MOST_FAILED))
    cost = time.monotonic() - begun
    next_look = max(LOOK, math.ceil(10 * cost)) if run.state in MOVING else None
    return Progress(run, figures, causes, items, next_look, still_elsewhere(run))
