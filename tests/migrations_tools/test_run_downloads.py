"""The report of a run, downloaded in the admin."""

import json
from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from documents.models import Document
from tests.migrations_tools.moving import Stores, run_to
from tests.migrations_tools.operating import RUNS
from tests.migrations_tools.reporting import run_of_rows

Browse = Callable[[User | None], Client]
Store = Callable[..., Document]


def test_reports_are_downloaded_in_each_form(stores: Stores, store: Store, viewer: User, client_of: Browse) -> None:
    attachment = store(b"one").attachments.get()
    run, browser = run_to(stores.there), client_of(viewer)
    page = browser.get(f"{RUNS}{run.pk}/change/").content.decode()
    found = {}
    for form, ending in (("text", "txt"), ("json", "json"), ("csv", "csv"), ("html", "html")):
        assert f'href="{RUNS}{run.pk}/report/{form}/"' in page
        answer = browser.get(f"{RUNS}{run.pk}/report/{form}/")
        assert answer["Content-Disposition"] == f'attachment; filename="migration-run-{run.pk}.{ending}"'
        found[form] = answer.getvalue().decode()
    assert "Successful: 1" in found["text"]
    assert json.loads(found["json"])["run"]["id"] == run.pk
    assert str(attachment.pk) in found["csv"]
    assert found["html"].startswith("<!doctype html>")


def test_a_report_of_many_items_is_sent_in_few_pieces(viewer: User, client_of: Browse) -> None:
    run = run_of_rows(2000)
    pieces = list(client_of(viewer).get(f"{RUNS}{run.pk}/report/csv/"))
    assert len(b"".join(pieces).splitlines()) == 2001
    assert 1 < len(pieces) < 20


def test_other_forms_are_not_found(sam: User, client_of: Browse) -> None:
    run = run_of_rows(1)
    for form in ("pdf", "TEXT", "__class__"):
        assert client_of(sam).get(f"{RUNS}{run.pk}/report/{form}/").status_code == 404
