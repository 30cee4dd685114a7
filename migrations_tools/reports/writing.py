"""The door to a run's report: in one of four forms, in pieces."""

from collections.abc import Callable, Iterator

from migrations_tools.models import MigrationRun
from migrations_tools.reports.json_body import body_of, exported
from migrations_tools.reports.kept import kept_report
from migrations_tools.reports.page import page_of
from migrations_tools.reports.shelf import file_form
from migrations_tools.reports.table import csv_of
from migrations_tools.reports.text import text_of

# Characters of one write to a file or a socket; a line of CSV by itself would be a write each.
PIECE = 64 * 1024


def pieces_of_report(run: MigrationRun, form: str) -> Iterator[str]:
    """Yield the run's report in pieces of about PIECE; together they are the whole file, line ends included.

    ``form`` is one of FORMS. Text, CSV and HTML are computed now. So is JSON, unsigned, unless a report of the run as
    it is now is kept: then that one is given, with its signature. Memory is flat whatever the number of items.
    """
    kept, length = list[str](), 0
    for line in FORMS[form](run):
        kept.append(line)
        length += len(line)
        if length >= PIECE:
            yield "".join(kept)
            kept, length = [], 0
    yield "".join(kept)


def _json_of(run: MigrationRun) -> Iterator[str]:
    kept = kept_report(run)
    yield file_form(kept) if kept else exported(body_of(run), None)


FORMS: dict[str, Callable[[MigrationRun], Iterator[str]]] = {
    "text": text_of,
    "json": _json_of,
    "csv": csv_of,
    "html": page_of,
}
