"""Lines of a CSV (RFC 4180) that is harmless in a spreadsheet."""

import csv
import io
from collections.abc import Iterable

# A cell that begins so is a formula to a spreadsheet, also in the full-width forms that some take for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def table_line(cells: Iterable[str]) -> str:
    """Return one line with its CR LF. No cell of it is computed by a spreadsheet."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow([defused(cell) for cell in cells])
    return line.getvalue()


def defused(cell: str) -> str:
    """Return a cell that no spreadsheet computes: an apostrophe stands before what would be a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell
