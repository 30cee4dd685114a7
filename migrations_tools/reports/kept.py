"""Which kept report is of its run as the run is now, and what was still elsewhere when the run was over."""

from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from documents.models.clock import database_now
from migrations_tools.models import MigrationItem, MigrationReport, MigrationRun
from migrations_tools.plan import rows_to_move
from migrations_tools.states import OVER, RunKind

# A worker that does not know yet that its run is over writes for seconds; so long it is looked for.
LATE = timedelta(hours=1)


def runs_without_report() -> QuerySet[MigrationRun]:
    """Return the runs that are over and have no report, or one of an earlier end."""
    over = MigrationRun.objects.filter(state__in=OVER)
    written_later = MigrationItem.objects.filter(run=OuterRef("pk"), finished_at__gt=OuterRef("report__created_at"))
    missing = Q(report=None) | Q(report__created_at__lt=F("finished_at"))
    late = Q(finished_at__gt=database_now() - LATE) & Exists(written_later)
    return over.filter(missing | late).order_by("pk")


def kept_report(run: MigrationRun) -> MigrationReport | None:
    """Return the report that was kept of the run as it is now; None where none is, or the run went on since."""
    if runs_without_report().filter(pk=run.pk).exists():
        return None
    return MigrationReport.objects.filter(run=run, run__state__in=OVER).first()


def still_elsewhere(run: MigrationRun) -> int | None:
    """Return how many objects the run could have moved that were not at its destination when it was over.

    Those are what failed, what was skipped or beyond its limit, and what came into another store while it went on.
    Counted from rows when its report was kept, and now where none is yet. None where the run is not over, copies
    nothing, or has a report of a version that did not count.
    """
    if run.kind != RunKind.COPY or run.state not in OVER:
        return None
    if kept := kept_report(run):
        return kept.elsewhere
    return sum(rows.count() for rows in rows_to_move(run))
