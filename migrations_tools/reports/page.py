"""A report as one HTML file that asks for nothing else: no script, no font, no picture but its own SVG.

The template escapes whatever a row says. Its policy (CSP in a meta element) allows its own style sheet and nothing
more, should anything slip through.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.template.loader import render_to_string

from documents.wording import duration_in_words, moment_in_words, plain, size_in_words
from migrations_tools.models import MigrationRun
from migrations_tools.reports import picture
from migrations_tools.reports.contents import Cause, Report, report_of
from migrations_tools.reports.items import ReportedItem, failed_items
from migrations_tools.reports.words import class_in_words, elsewhere_in_words, options_in_words
from migrations_tools.states import ItemState, RunState

TEMPLATE = "migrations_tools/report.html"
# What a browser shows at once; the CSV has every item.
MOST_ERRORS = 1_000
TONES = {RunState.SUCCEEDED.value: "good", RunState.FAILED.value: "bad"}


def page_of(run: MigrationRun) -> Iterator[str]:
    """Yield the page."""
    yield rendered(report_of(run), islice(failed_items(run), MOST_ERRORS))


def rendered(report: Report, errors: Iterable[ReportedItem]) -> str:
    """Return the page that tells a report, and these of its errors."""
    return render_to_string(
        TEMPLATE,
        {
            "report": report,
            "tone": TONES.get(report.state, "other"),
            "tiles": _tiles(report),
            "parts": picture.parts(_outcomes(report)),
            "outcomes": ", ".join(f"{count:,} {name}" for name, count in _outcomes(report).items() if count),
            "facts": _facts(report),
            "note": plain(report.note),
            "throughput": _throughput(report),
            "sizes": _sizes(report),
            "failures": _causes(report.causes_of(ItemState.FAILED), report.failed),
            "skips": _causes(report.causes_of(ItemState.SKIPPED), report.skipped),
            "errors": [_error(item) for item in errors],
            "left_out": f"{report.failed - MOST_ERRORS:,}" if report.failed > MOST_ERRORS else "",
            "made_at": moment_in_words(report.made_at),
        },
    )


def _outcomes(report: Report) -> dict[str, int]:
    return {
        "successful": report.successful,
        "skipped": report.skipped,
        "failed": report.failed,
        "pending": report.pending,
    }


def _tiles(report: Report) -> list[tuple[str, str]]:
    told = {"total": report.total, **_outcomes(report)}
    return [(name, f"{count:,}") for name, count in told.items() if count or name != "pending"]


def _facts(report: Report) -> list[tuple[str, str]]:
    sources = [f"{each.store}: {each.items:,} items, {size_in_words(each.size)}" for each in report.sources]
    by = "the system" if report.created_by is None else f"user {report.created_by}"
    left = []
    if report.still_elsewhere:
        left = [("Left", elsewhere_in_words(report.still_elsewhere, report.destination))]
    took = f"{duration_in_words(report.duration)}, {size_in_words(report.bytes_per_second)}/s"
    return [
        ("From", "; ".join(sources) or "nowhere: there was nothing to plan"),
        ("With", "; ".join(options_in_words(report))),
        ("Created", f"{moment_in_words(report.created_at)}, by {by}"),
        ("Started", moment_in_words(report.started_at)),
        ("Finished", moment_in_words(report.finished_at)),
        ("Took", took),
        ("Bytes", f"{report.successful_bytes:,} successful, of {report.total_bytes:,}"),
        ("Already there", f"{report.already_there:,} before the run"),
        *left,
    ]


def _throughput(report: Report) -> dict[str, Any]:
    buckets = report.throughput.buckets if report.successful else ()
    seconds = report.throughput.width.total_seconds()
    rows = [(f"{each.at:%Y-%m-%d %H:%M:%S}", f"{each.items:,}", size_in_words(each.size)) for each in buckets]
    says = [" · ".join((at, f"{items} items", size)) for at, items, size in rows]
    most = max((each.size for each in buckets), default=0)
    return {
        "rows": rows,
        "by_bytes": picture.columns([each.size for each in buckets], says),
        "by_items": picture.columns([each.items for each in buckets], says),
        "width": duration_in_words(report.throughput.width),
        "most_bytes": f"{size_in_words(round(most / seconds) if seconds else 0)}/s",
        "most_items": f"{max((each.items for each in buckets), default=0):,}",
    }


def _sizes(report: Report) -> list[dict[str, str]]:
    """A row for each class; none where there were no items."""
    most, lowest, rows = max((each.items for each in report.sizes), default=0), 0, []
    if not most:
        return []
    for each in report.sizes:
        rows.append(
            {
                "name": class_in_words(each.below, lowest),
                "bar": picture.share(each.items, most),
                "items": f"{each.items:,}",
                "bytes": size_in_words(each.size),
            }
        )
        lowest = each.below or 0
    return rows


def _causes(causes: list[Cause], total: int) -> list[dict[str, str]]:
    return [
        {
            "code": plain(cause.code),
            "bar": picture.share(cause.count, total),
            "count": f"{cause.count:,}",
            "meaning": cause.meaning.sentence,
            "advice": cause.meaning.advice,
        }
        for cause in causes
    ]


def _error(item: ReportedItem) -> dict[str, str]:
    return {
        "object_id": str(item.object_id),
        "code": plain(item.code),
        "detail": plain(item.detail),
        "source": plain(f"{item.source}: {item.source_key}"),
        "destination": plain(f"{item.destination}: {item.destination_key}"),
        "attempts": f"{item.attempts} attempt{'' if item.attempts == 1 else 's'}",
    }
