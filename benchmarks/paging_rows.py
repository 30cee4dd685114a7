"""``python -m benchmarks.paging_rows ROUNDS``: fill the configured database with a million documents and page through.

Prints the median milliseconds of the page at row 900,000 and of the first page. A process of its own, because
Django's settings name one database and are read once.
"""

import sys
from collections.abc import Callable
from time import perf_counter

import django

from benchmarks.figure import Goal, Options
from benchmarks.many_rows import fill_documents
from benchmarks.rounds import compare

ROWS = 1_000_000
DEEP = 900_000
_PAGES = 20  # in one round


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
    fill_documents(ROWS, owner=owner)
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
