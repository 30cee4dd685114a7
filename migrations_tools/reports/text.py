"""A report as text: the four lines that operators know, the causes, then each error."""

from collections.abc import Iterator

from documents.wording import duration_in_words, moment_in_words, plain, size_in_words
from migrations_tools.models import MigrationRun
from migrations_tools.reports.contents import Report, report_of
from migrations_tools.reports.items import ReportedItem, failed_items
from migrations_tools.reports.words import elsewhere_in_words, options_in_words
from migrations_tools.states import ItemState


def text_of(run: MigrationRun) -> Iterator[str]:
    """Yield the lines of a report, each with its line end."""
    report = report_of(run)
    yield from (f"{line}\n" for line in _head(report))
    yield from (f"{line}\n" for line in _counts(report))
    for state in (ItemState.FAILED, ItemState.SKIPPED):
        yield from (f"{line}\n" for line in _causes(report, state))
    if report.failed:
        yield "\nErrors:\n"
        yield from (f"{_error(item)}\n" for item in failed_items(run))


def _head(report: Report) -> Iterator[str]:
    by = "the system" if report.created_by is None else f"user {report.created_by}"
    yield f"Migration run {report.run_id}: {report.kind} to {report.destination}, {report.state}"
    for source in report.sources:
        yield f"From {source.store}: {source.items:,} items, {size_in_words(source.size)}"
    yield f"With {'; '.join(options_in_words(report))}"
    yield f"Created by {by}: {moment_in_words(report.created_at)}"
    yield f"Started: {moment_in_words(report.started_at)}"
    yield f"Finished: {moment_in_words(report.finished_at)}"
    if report.note:
        yield f"Note: {plain(report.note)}"


def _counts(report: Report) -> Iterator[str]:
    took = f"{duration_in_words(report.duration)}, {size_in_words(report.bytes_per_second)}/s"
    yield ""
    yield f"Total:      {report.total:,}"
    yield f"Successful: {report.successful:,} ({report.successful_bytes:,} bytes in {took})"
    yield f"Failed:     {report.failed:,}"
    there = f" ({report.already_there:,} there before the run)" if report.already_there else ""
    yield f"Skipped:    {report.skipped:,}{there}"
    if report.pending:
        yield f"Pending:    {report.pending:,}"
    if report.still_elsewhere:
        yield f"Left:       {elsewhere_in_words(report.still_elsewhere, report.destination)}"


def _causes(report: Report, state: ItemState) -> Iterator[str]:
    if causes := report.causes_of(state):
        yield f"\n{state.label.capitalize()}, by cause:"
    for cause in causes:
        yield f"  {cause.count:,} {plain(cause.code)}: {cause.meaning.sentence} {cause.meaning.advice}"


def _error(item: ReportedItem) -> str:
    tried = f"{item.attempts} attempt{'' if item.attempts == 1 else 's'}"
    return (
        f"  {item.object_id} {plain(item.code)} ({tried}) {item.source}:{plain(item.source_key)}: {plain(item.detail)}"
    )
