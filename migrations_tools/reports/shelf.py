"""The rows of kept reports: which one is of its run as it is now. No key comes near them here."""

import json
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from documents.failpoints import failpoint
from documents.models.clock import database_now
from migrations_tools.leases import is_held
from migrations_tools.models import MigrationItem, MigrationReport, MigrationRun
from migrations_tools.reports.json_body import Body, body_of, canonical, exported
from migrations_tools.states import OVER

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


def file_form(report: MigrationReport) -> str:
    """Return the text of a file: the kept members with their signature, None in a report that has none yet."""
    body: Body = json.loads(report.body)
    signature = {"algorithm": "Ed25519", "key": report.signed_by, "value": report.signature}
    return exported(body, signature if report.signature else None)


def make_report(run: MigrationRun) -> MigrationReport | None:
    """Keep a new report, unsigned, in place of one of an earlier end. Of several made at once the first stays.

    None where the run is not over, goes on meanwhile, or somebody may still be at work on one of its items.
    """
    run = MigrationRun.objects.get(pk=run.pk)
    if run.state not in OVER or is_held(run):
        return None
    body = canonical(body_of(run))
    with transaction.atomic(durable=True):
        here = MigrationRun.objects.select_for_update().get(pk=run.pk)
        if (here.state, here.finished_at) != (run.state, run.finished_at):
            return None
        if other := kept_report(run):
            return other
        kept, _ = MigrationReport.objects.update_or_create(
            run=run, defaults={"body": body, "signature": "", "signed_by": ""}
        )
        MigrationReport.objects.filter(pk=kept.pk).update(created_at=Now())
        failpoint("migrate.report-in-transaction")
    failpoint("migrate.report-kept")
    kept.refresh_from_db()
    return kept
