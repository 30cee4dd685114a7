"""Making the rows of kept reports, and the files out of them. No key comes near them here."""

import json

from django.db import transaction
from django.db.models.functions import Now

from documents.failpoints import failpoint
from migrations_tools.leases import is_held
from migrations_tools.models import MigrationReport, MigrationRun
from migrations_tools.reports.json_body import Body, body_of, canonical, exported
from migrations_tools.reports.kept import kept_report
from migrations_tools.states import OVER


def file_form(report: MigrationReport) -> str:
    """Return the text of a file: the kept members with their signature, None in a report that has none yet."""
    body: Body = json.loads(report.body)
    signature = {"algorithm": "Ed25519", "key": report.signed_by, "value": report.signature}
    return exported(body, signature if report.signature else None)


def make_report(run: MigrationRun) -> MigrationReport | None:
    """Keep a new report, unsigned, in place of one of an earlier end. Of several made at once the first stays.

    None where the run is not over, goes on meanwhile or was removed, or somebody may still be at work on an item of it.
    """
    now = MigrationRun.objects.filter(pk=run.pk).first()
    if now is None or now.state not in OVER or is_held(now):
        return None
    run = now
    body = body_of(run)
    with transaction.atomic(durable=True):
        here = MigrationRun.objects.select_for_update().filter(pk=run.pk).first()
        if here is None or (here.state, here.finished_at) != (run.state, run.finished_at):
            return None
        if other := kept_report(run):
            return other
        kept, _ = MigrationReport.objects.update_or_create(
            run=run,
            defaults={
                "body": canonical(body),
                "elsewhere": body["still_elsewhere"],
                "signature": "",
                "signed_by": "",
                **_counts(body),
            },
        )
        MigrationReport.objects.filter(pk=kept.pk).update(created_at=Now())
        failpoint("migrate.report-in-transaction")
    failpoint("migrate.report-kept")
    kept.refresh_from_db()
    return kept


def _counts(body: Body) -> dict[str, int]:
    """Return the counts of items. What was there before the run has none, though the report calls it skipped."""
    counts = body["items"]
    return {
        "successful": counts["successful"],
        "failed": counts["failed"],
        "skipped": counts["skipped"] - counts["already_there"],
        "pending": counts["pending"],
    }
