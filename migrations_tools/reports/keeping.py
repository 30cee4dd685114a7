"""Keeping the report of a run that is over, signed with the vault's origin key."""

from base64 import b64encode

import structlog

from documents.services.report_signatures import can_sign_reports, sign_report
from migrations_tools.models import MigrationReport, MigrationRun
from migrations_tools.reports.kept import kept_report, runs_without_report
from migrations_tools.reports.shelf import make_report

log = structlog.get_logger(__name__)


def keep_report(run: MigrationRun) -> MigrationReport | None:
    """Return the run's report as it is kept; it is made and signed where it is not yet.

    None where the run is not over, or a worker that fell silent may still have an item: the sweeper keeps it later. A
    process without the origin key's private half keeps the report unsigned, and a later one that has it signs the same
    text. Safe to repeat, in parallel, and to be killed anywhere; the report of a run that was retried is replaced.
    """
    kept = kept_report(run)
    if kept is None and (kept := make_report(run)):
        log.info("report_kept", run=run.pk)
    if kept is not None and not kept.signature:
        _sign(kept)
    return kept


def keep_reports() -> None:
    """Keep the reports that nobody kept, and sign those that nobody could sign."""
    for run in runs_without_report():
        keep_report(run)
    unsigned = MigrationRun.objects.filter(report__signature="")
    # First the rows: most minutes there is nothing to sign, and no key is read then.
    if unsigned.exists() and can_sign_reports():
        for run in unsigned:
            keep_report(run)


def _sign(kept: MigrationReport) -> None:
    """Sign the text as it was kept. One that was replaced meanwhile is signed by whoever replaced it."""
    signature = sign_report(kept.body.encode())
    if signature is None:
        return
    value = b64encode(signature.value).decode()
    same = MigrationReport.objects.filter(pk=kept.pk, body=kept.body, signature="")
    same.update(signature=value, signed_by=signature.key)
    kept.refresh_from_db()
