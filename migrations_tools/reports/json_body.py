"""A report as JSON: its members (docs/migration.md, "Report"), the canonical text that is signed, the text of a file.

No number has a fraction, so that every language writes the same digits.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from migrations_tools.models import MigrationRun
from migrations_tools.reports.contents import Cause, Report, report_of
from migrations_tools.reports.items import ReportedItem, failed_items
from migrations_tools.reports.measures import SizeClass, Throughput

# It grows when a member changes its meaning or goes, not when one is added.
SCHEMA_VERSION = 1
# So many failed items are listed, a few MB; the CSV has every item.
MOST_ITEMS = 10_000

Body = dict[str, Any]


def body_of(run: MigrationRun) -> Body:
    """Return the members of the run's report as it is now, without a signature."""
    report = report_of(run)
    listed = [_item(item) for item in islice(failed_items(run), MOST_ITEMS)]
    return {
        "schema_version": SCHEMA_VERSION,
        "made_at": _moment(report.made_at),
        "run": _run(report),
        "items": {
            "total": report.total,
            "successful": report.successful,
            "failed": report.failed,
            "skipped": report.skipped,
            "pending": report.pending,
            "already_there": report.already_there,
        },
        "still_elsewhere": report.still_elsewhere,
        "bytes": {"total": report.total_bytes, "successful": report.successful_bytes},
        "duration_ms": report.duration // timedelta(milliseconds=1),
        "bytes_per_second": report.bytes_per_second,
        "causes": [_cause(cause) for cause in report.causes],
        "throughput": _throughput(report.throughput),
        "sizes": [_size_class(size_class) for size_class in report.sizes],
        "failed_items": listed,
        "failed_items_left_out": max(0, report.failed - len(listed)),
    }


def canonical(body: Mapping[str, Any]) -> str:
    """Return the one text that stands for these members; encoded in UTF-8 it is what is signed.

    Members sorted by name, no white space between tokens, no escapes but those that JSON demands.
    """
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def exported(body: Mapping[str, Any], signature: Mapping[str, str] | None) -> str:
    """Return the text of a file: the same members with their signature, indented for people, one way and no other."""
    whole = {**body, "signature": signature}
    return json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _run(report: Report) -> Body:
    return {
        "id": report.run_id,
        "kind": report.kind,
        "state": report.state,
        "destination": report.destination,
        "sources": [{"store": each.store, "items": each.items, "bytes": each.size} for each in report.sources],
        "options": {**asdict(report.options), "since": _moment(report.options.since)},
        "created_by": report.created_by,
        "created_at": _moment(report.created_at),
        "started_at": _moment(report.started_at),
        "finished_at": _moment(report.finished_at),
        "note": report.note,
    }


def _cause(cause: Cause) -> Body:
    meaning = cause.meaning
    return {
        "state": str(cause.state),
        "code": cause.code,
        "count": cause.count,
        "meaning": meaning.sentence,
        "advice": meaning.advice,
    }


def _throughput(throughput: Throughput) -> Body:
    return {
        "seconds": throughput.width // timedelta(seconds=1),
        "buckets": [{"at": _moment(each.at), "items": each.items, "bytes": each.size} for each in throughput.buckets],
    }


def _size_class(size_class: SizeClass) -> Body:
    return {"below": size_class.below, "items": size_class.items, "bytes": size_class.size}


def _item(item: ReportedItem) -> Body:
    return {
        "object_id": str(item.object_id),
        "source": item.source,
        "source_key": item.source_key,
        "destination_key": item.destination_key,
        "bytes": item.size,
        "sha256": item.digest,
        "code": item.code,
        "detail": item.detail,
        "attempts": item.attempts,
        "finished_at": _moment(item.finished_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
