"""A report as CSV (RFC 4180): every item of the run, one after another."""

import csv
from collections.abc import Iterator

from migrations_tools.models import MigrationRun
from migrations_tools.reports.items import ReportedItem, every_item

COLUMNS = (
    "object_id", "state", "code", "detail", "source", "source_key", "destination", "destination_key", "bytes",
    "sha256", "attempts", "finished_at",
)  # fmt: skip
# A cell that begins so is a formula to a spreadsheet, also in the full-width forms that some take for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def csv_of(run: MigrationRun) -> Iterator[str]:
    """Yield the lines of the table, its head first, each with the CR LF of RFC 4180."""
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    yield line.text
    for item in every_item(run):
        writer.writerow([defused(cell) for cell in _cells(item)])
        yield line.text


def defused(cell: str) -> str:
    """Return a cell that no spreadsheet computes: an apostrophe stands before what would be a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def _cells(item: ReportedItem) -> tuple[str, ...]:
    return (
        str(item.object_id), item.state, item.code, item.detail, item.source, item.source_key, item.destination,
        item.destination_key, str(item.size), item.digest, str(item.attempts),
        item.finished_at.isoformat(timespec="milliseconds") if item.finished_at else "",
    )  # fmt: skip


class _Line:
    """What ``csv.writer`` writes to: it keeps the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
