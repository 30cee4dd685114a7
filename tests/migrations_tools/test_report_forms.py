"""The forms of a report: complete, in flat memory, and safe to open whatever a row says."""

import csv
import gc
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User

from documents.models import Document
from documents.services.tables import defused
from migrations_tools.models import MigrationRun
from migrations_tools.reports import json_body, page
from migrations_tools.reports.json_body import canonical
from migrations_tools.reports.writing import FORMS, pieces_of_report
from migrations_tools.states import ItemState, RunState
from tests.migrations_tools.moving import Stores, run_to
from tests.migrations_tools.reporting import run_of_rows, written

Store = Callable[..., Document]
MIB = 1024**2
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 }}{% now 'Y' %}"


def test_text_has_the_shape_that_operators_know(db: None) -> None:
    run = run_of_rows(103)
    MigrationRun.objects.filter(pk=run.pk).update(already_there=2000)

    lines = written(run, "text").splitlines()

    assert "Total:      2,103" in lines
    assert "Successful: 0 (0 bytes in 0:10:00, 0 bytes/s)" in lines
    assert "Failed:     103" in lines
    assert "Skipped:    2,000 (2,000 there before the run)" in lines
    assert any(line.startswith("  103 object-not-found: The object is not in the store") for line in lines)
    errors = lines[lines.index("Errors:") + 1 :]
    item = run.items.order_by("pk")[0]
    assert errors[0] == (f"  {item.object_id} object-not-found (1 attempt) here:{item.source_path}: It is not there")
    assert [line.split()[0] for line in errors] == [str(item.object_id) for item in run.items.order_by("pk")]


def test_a_run_that_could_not_go_on_says_why_and_what_is_left(db: None) -> None:
    run = run_of_rows(2, state=ItemState.PENDING)
    MigrationRun.objects.filter(pk=run.pk).update(state=RunState.FAILED, note="The store is full.\x1b[31m")

    text = written(run, "text")

    assert "Note: The store is full.\N{REPLACEMENT CHARACTER}[31m" in text
    assert "Pending:    2" in text
    assert "The store is full." in written(run, "html")
    assert json.loads(written(run, "json"))["items"]["pending"] == 2


def test_what_a_store_said_moves_no_cursor(db: None) -> None:
    run = run_of_rows(1, each=lambda _number: {"detail": "one\r\x1b[2Jtwo\nthree\N{RIGHT-TO-LEFT OVERRIDE}"})

    text = written(run, "text")

    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert text.splitlines()[-1].endswith("two\N{REPLACEMENT CHARACTER}three\N{REPLACEMENT CHARACTER}")


def test_what_grants_access_is_in_no_form(db: None) -> None:
    said = "GET https://s3.example/x?Signature=abcdefsecret&Expires=1 answered 500"
    run = run_of_rows(1, each=lambda _number: {"detail": said})

    for form in FORMS:
        assert "abcdefsecret" not in written(run, form)
        assert "redacted" in written(run, form)


def test_titles_and_names_are_in_no_form(stores: Stores, store: Store, alice: User) -> None:
    for number in range(3):
        store(b"x", title=f"={HOSTILE}{number}", filename=f"secret-name-{number}.pdf")
    run = run_to(stores.there)

    for form in FORMS:
        whole = written(run, form)
        assert "alert" not in whole
        assert "secret-name" not in whole
        assert alice.email not in whole


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "\n=1"])  # noqa: RUF001
def test_a_formula_is_defused(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


def test_csv_reads_back_cell_by_cell_and_no_cell_is_a_formula(db: None) -> None:
    hostile = ['=HYPERLINK("http://x",1)', 'a "quoted", cell', "two\r\nlines", "@x", HOSTILE]
    run = run_of_rows(len(hostile), each=lambda number: {"detail": hostile[number], "source_path": f"-{number}"})

    text = written(run, "csv")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))

    assert text.endswith("\r\n")
    assert {len(row) for row in rows} == {12}
    assert [row[3] for row in rows[1:]] == ["'" + hostile[0], hostile[1], hostile[2], "'@x", HOSTILE]
    assert [row[5] for row in rows[1:]] == [f"'-{number}" for number in range(len(hostile))]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


class _Elements(HTMLParser):
    """The elements of a page, and its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.values += [value or "" for _, value in attrs]


def test_the_page_escapes_everything_and_asks_for_nothing(db: None) -> None:
    hostile = {"detail": HOSTILE, "code": HOSTILE[:50], "source_path": HOSTILE, "destination_path": HOSTILE}
    run = run_of_rows(2, each=lambda _number: hostile | {"source_type": HOSTILE[:50]})
    MigrationRun.objects.filter(pk=run.pk).update(note=HOSTILE, destination=HOSTILE[:50])

    whole = written(run, "html")

    elements = _Elements()
    elements.feed(whole)
    assert not elements.names & {"script", "img", "iframe", "object", "embed", "link", "base", "form", "a"}
    assert not elements.attributes & {"src", "href", "xlink:href", "srcset", "style"}
    assert not any(name.startswith("on") for name in elements.attributes)
    assert "url(" not in whole
    assert "@import" not in whole
    assert "&lt;script&gt;alert(1)" in whole
    assert "{{ 7 }}" in whole  # as it was said, and not computed
    assert "default-src 'none'" in whole


def test_the_picture_has_a_title_a_description_and_a_table(db: None) -> None:
    whole = written(run_of_rows(5, state=ItemState.DONE), "html")

    for name in ("parts", "bytes", "items"):
        assert f'aria-labelledby="{name}-title {name}-desc"' in whole
        assert f'<title id="{name}-title">' in whole
        assert f'<desc id="{name}-desc">' in whole
    assert "5 successful" in whole
    assert whole.count("<table") == 2  # throughput and sizes


def test_the_json_has_no_fraction_so_that_its_canonical_form_is_one(db: None) -> None:
    def numbers(value: object) -> Iterator[object]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                yield from numbers(each)
        else:
            yield value

    body = json.loads(written(run_of_rows(3), "json"))

    assert not any(isinstance(number, float) for number in numbers(body))
    assert canonical({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'


def test_thousands_of_errors_take_flat_memory(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are thrown away, as a file or a client would take them. JSON and HTML hold what they list: less here."""
    monkeypatch.setattr(json_body, "MOST_ITEMS", 200)
    monkeypatch.setattr(page, "MOST_ERRORS", 200)
    few, many = run_of_rows(600), run_of_rows(8_000)
    for form in FORMS:
        list(map(len, pieces_of_report(few, form)))  # what is loaded once is loaded

    peaks = {form: _peak(many, form) for form in FORMS}

    assert max(peaks.values()) < 2 * MIB, peaks
    kept: list[str] = []
    # The control: what is not thrown away is found.
    assert _peak(many, "csv", kept.append) > 2 * MIB
    assert sum(piece.count("\r\n") for piece in kept) == 8_001


def test_the_json_counts_what_it_does_not_list(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "MOST_ITEMS", 10)
    monkeypatch.setattr(page, "MOST_ERRORS", 5)
    run = run_of_rows(23)

    body = json.loads(written(run, "json"))

    assert (body["items"]["failed"], len(body["failed_items"]), body["failed_items_left_out"]) == (23, 10, 13)
    assert "… and 18 more, in the CSV" in written(run, "html")


def _peak(run: MigrationRun, form: str, write: Callable[[str], object] = len) -> int:
    """The most bytes that were allocated at once while a report was written."""
    gc.collect()
    tracemalloc.start()
    for piece in pieces_of_report(run, form):
        write(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
