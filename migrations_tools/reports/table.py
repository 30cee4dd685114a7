"""A report as CSV (RFC 4180): every item of the run, one after another."""

from collections.abc import Iterator

from documents.services.tables import table_line
from migrations_tools.models import MigrationRun
from migrations_tools.reports.items import ReportedItem, every_item

COLUMNS = (
    "object_id", "state", "code", "detail", "source", "source_key", "destination", "destination_key", "bytes",
    "sha256", "attempts", "finished_at",
)  # fmt: skip


def csv_of(run: MigrationRun) -> Iterator[str]:
    """Yield the lines of the table, its head first, each with the CR LF of RFC 4180."""
    yield table_line(COLUMNS)
    for item in every_item(run):
        yield table_line(_cells(item))


def _cells(item: ReportedItem) -> tuple[str, ...]:
    return (
        str(item.object_id), item.state, item.code, item.detail, item.source, item.source_key, item.destination,
        item.destination_key, str(item.size), item.digest, str(item.attempts),
        item.finished_at.isoformat(timespec="milliseconds") if item.finished_at else "",
    )  # fmt: skip
