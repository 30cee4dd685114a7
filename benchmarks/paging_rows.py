"""``python -m benchmarks.paging_rows ROUNDS``: fill the configured database with a million documents and page through.

Prints the median milliseconds of the page at row 900,000 and of the first page. A process of its own, because
Django's settings name one database and are read once.
"""

import sys
from collections.abc import Callable
from time import perf_counter

import django
from django.db import connection

from benchmarks.figure import Goal, Options
from benchmarks.rounds import compare

ROWS = 1_000_000
DEEP = 900_000
_PAGES = 20  # in one round

# One document a second, the last one now. Both databases know recursive queries; what they differ in stands here.
_DOCUMENT_SQL = """
INSERT INTO documents_document (id, owner_id, title, created_at, updated_at)
WITH RECURSIVE counted(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < {rows})
SELECT {id}, {owner}, 'Document ' || i, {at}, {at} FROM counted
"""
_ATTACHMENT_SQL = """
INSERT INTO documents_attachment (id, document_id, version, created_at, storage_type, storage_path, filename,
    content_type, size, sealed_size, digest, envelope_core, key_block, sealed_digest, kek_id)
SELECT id, id, 1, created_at, 'local', 'documents/' || id, title, 'application/pdf', 1000, 9216, '', '', '', '', ''
FROM documents_document
"""
_DIALECTS = {
    "sqlite": {"id": "printf('%032x', i)", "at": "datetime('now', (i - 1000000) || ' seconds')"},
    "postgresql": {"id": "lpad(to_hex(i), 32, '0')::uuid", "at": "now() + (i - 1000000) * interval '1 second'"},
}


def main() -> int:
    django.setup()
    pages = _pages(_fill())
    result = compare(
        "list page", pages[0], pages[1], unit="ms", goal=Goal(1.5, "ratio at most"), options=Options(int(sys.argv[1]))
    )
    sys.stdout.write(f"{result.ours} {result.peer}\n")
    return 0


def _fill() -> int:
    """Return the id of the user who owns it all."""
    from django.contrib.auth.models import User  # noqa: PLC0415  # models exist after django.setup()

    owner = User.objects.create(username="bench").pk
    with connection.cursor() as cursor:
        # Written into the statements: none of it comes from outside, and SQLite's driver reads % as a parameter.
        cursor.execute(_DOCUMENT_SQL.format(rows=ROWS, owner=owner, **_DIALECTS[connection.vendor]))
        cursor.execute(_ATTACHMENT_SQL)
        cursor.execute("ANALYZE")
    return owner


def _pages(owner: int) -> tuple[Callable[[], float], Callable[[], float]]:
    """The page that ends at row 900,000, and the first: what the list's view reads, without its template."""
    from django.contrib.auth.models import User  # noqa: PLC0415

    from documents.selectors.documents import documents_visible_to  # noqa: PLC0415
    from documents.selectors.paging import page_of  # noqa: PLC0415

    rows = documents_visible_to(User.objects.get(pk=owner))
    before = rows.order_by("-created_at", "-id")[DEEP - 51]
    cursor = page_of(rows.filter(created_at__lte=before.created_at), size=1).next_cursor

    def side(cursor: str) -> Callable[[], float]:
        def milliseconds() -> float:
            started = perf_counter()
            for _ in range(_PAGES):
                assert len(page_of(rows, cursor=cursor).rows) == 50
            return (perf_counter() - started) / _PAGES * 1000

        return milliseconds

    return side(cursor), side("")


if __name__ == "__main__":
    sys.exit(main())
