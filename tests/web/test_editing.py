"""The edit page: titles and attributes in rows, without JSON and without JavaScript."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.failpoints import FailpointReached
from documents.models import AuditEvent, Document, Payload
from documents.services.actors import Actor
from documents.services.attributes import attributes_of, set_attributes
from documents.services.editions import edition_of
from documents.storage.base import StorageProvider

Post = Callable[..., Any]


@pytest.fixture
def document(store: Callable[..., Document]) -> Document:
    return store(title="Contract")


@pytest.fixture
def post(document: Document, alice: User) -> Post:
    """Send the form as Alice: rows of name, value and what is checked."""
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    def post(*rows: tuple[str, ...], title: str = "Contract", edition: str | None = None, **buttons: str) -> Any:
        seen = edition_of(Document.objects.get(pk=document.pk)) if edition is None else edition
        fields = {"edition": seen}
        fields |= {"title": title, "form-TOTAL_FORMS": str(len(rows)), "form-INITIAL_FORMS": "0", **buttons}
        for number, (name, value, *checked) in enumerate(rows):
            fields |= {f"form-{number}-name": name, f"form-{number}-value": value}
            fields |= {f"form-{number}-{box}": "on" for box in checked}
        return client.post(f"/documents/{document.pk}/edit", fields)

    return post


def now(document: Document) -> tuple[str, dict[str, Any]]:
    document.refresh_from_db()
    return document.title, attributes_of(document)


def test_title_and_attributes_are_saved(document: Document, post: Post) -> None:
    answer = post(("Department", "Legal"), ("Remarks", "one\r\ntwo"), ("", ""), title="The lease")

    assert answer["Location"] == f"/documents/{document.pk}/"
    assert now(document) == ("The lease", {"Department": "Legal", "Remarks": "one\ntwo"})


def test_what_is_shown_and_sent_back_stays_what_it_was(
    document: Document, post: Post, alice: User, as_alice: Actor
) -> None:
    attributes = {"pages": 3, "tags": ["a", {"ü": None}], "text": "3", "nul": "a\0", "lines": "one\r\ntwo"}
    set_attributes(document.pk, attributes, owner=alice, actor=as_alice)
    before = AuditEvent.objects.count()
    shown = [("pages", "3"), ("tags", '["a", {"ü": null}]'), ("text", "3"), ("nul", '"a\\u0000"')]

    post(*shown, ("lines", "one\r\ntwo"))
    assert now(document) == ("Contract", attributes)
    assert AuditEvent.objects.count() == before, "nothing was changed, and nothing is audited"
    post(("pages", "4"), *shown[1:])
    assert now(document)[1] == {"pages": "4", **{name: attributes[name] for name in ("tags", "text", "nul")}}


def test_a_row_is_removed_by_its_box_or_by_clearing_it(document: Document, post: Post) -> None:
    post(("a", "1"), ("b", "2"), ("c", "3"))
    post(("a", "1", "remove"), ("", ""), ("c", "3"))

    assert now(document)[1] == {"c": "3"}


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([("", "a value")], "Give this value a name"),
        ([("a", "1"), ("a", "2")], "Another attribute has this name"),
        ([("a b", "1"), ("a  b", "2")], "there twice"),
        ([("\u202e", "1")], "empty"),
        ([("a" * 101, "1")], "at most 100 characters"),
        ([("a", "x" * 300_000)], "262,144 bytes"),
        ([("a", "\0")], "Null characters"),
        ([(f"{number}", "1") for number in range(102)], "100 attributes"),
    ],
)
def test_what_cannot_be_saved_is_said_at_its_place_and_nothing_typed_is_lost(
    document: Document, post: Post, rows: list[tuple[str, str]], complaint: str
) -> None:
    answer = post(*rows, title="after")

    assert answer.status_code == 422
    page = answer.content.decode()
    assert complaint in page
    assert 'value="after"' in page
    assert now(document) == ("Contract", {})


def test_more_rows_keep_what_was_typed(document: Document, post: Post) -> None:
    answer = post(("a", "1"), ("", ""), ("b", "2"), ("c", "3", "remove"), title="after", more="rows")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="form-TOTAL_FORMS" value="5"' in page
    assert all(text in page for text in ('value="after"', 'value="a"', 'value="b"'))
    assert now(document) == ("Contract", {})


def test_a_form_that_was_tampered_with_is_refused_and_changes_nothing(
    document: Document, alice: User, client_of: Callable[[User | None], Client]
) -> None:
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    fields = {"title": "after", "edition": edition_of(document)}
    for total in ("", "x", "-1", "1000000"):
        answer = client.post(f"/documents/{document.pk}/edit", {**fields, "form-TOTAL_FORMS": total})
        assert answer.status_code == 422
    assert now(document) == ("Contract", {})


def test_attributes_are_shown_and_escaped(document: Document, alice: User, as_alice: Actor) -> None:
    hostile = "<script>alert(1)</script>"
    set_attributes(document.pk, {hostile: hostile}, owner=alice, actor=as_alice)
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    for page in ("", "edit"):
        content = client.get(f"/documents/{document.pk}/{page}").content.decode()
        assert "&lt;script&gt;alert(1)" in content
        assert hostile not in content


def test_what_cannot_be_read_now_leaves_the_page_and_the_title(
    document: Document, post: Post, alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    set_attributes(document.pk, {"long": "x" * 5000}, owner=alice, actor=as_alice)
    provider.delete(Payload.objects.get().storage_path)
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    for page in ("", "edit"):
        answer = client.get(f"/documents/{document.pk}/{page}")
        assert answer.status_code == 200
        assert "cannot be read on this server" in answer.content.decode()
    assert post(title="after").status_code == 302
    document.refresh_from_db()
    assert (document.title, Payload.objects.count()) == ("after", 1)


def test_what_somebody_else_changed_meanwhile_is_shown_and_not_overwritten(
    document: Document, post: Post, alice: User, as_alice: Actor
) -> None:
    set_attributes(document.pk, {"a": "1"}, owner=alice, actor=as_alice)
    shown = edition_of(Document.objects.get(pk=document.pk))
    set_attributes(document.pk, {"a": "1", "case": "2026-77"}, owner=alice, actor=as_alice)

    answer = post(("a", "2"), title="Lease", edition=shown)

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "changed after you opened this page" in page
    assert all(text in page for text in ("2026-77", 'value="Lease"', ">\n2</textarea>", "Title: <bdi>Contract</bdi>"))
    assert now(document) == ("Contract", {"a": "1", "case": "2026-77"})
    told = re.search('name="edition" value="([0-9a-f]{64})"', page)
    assert told
    assert post(("a", "2"), title="Lease", edition=told[1]).status_code == 302, "seen and saved all the same"
    assert now(document) == ("Lease", {"a": "2"})


@pytest.mark.parametrize("edition", ["", "0" * 64])
def test_a_title_that_changed_meanwhile_is_not_overwritten(document: Document, post: Post, edition: str) -> None:
    assert post(title="Lease", edition=edition).status_code == 409
    assert now(document) == ("Contract", {})


def test_more_rows_keep_what_the_form_was_shown_from(document: Document, post: Post) -> None:
    answer = post(("a", "1"), more="rows", edition="0" * 64)

    assert f'name="edition" value="{"0" * 64}"' in answer.content.decode()


@pytest.mark.parametrize("rows", [[], [("a", "x" * 5000)]])
def test_what_changes_while_it_is_saved_is_not_overwritten_either(
    document: Document,
    post: Post,
    provider: StorageProvider,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[str, str]],
) -> None:
    def overtaken(looked_at: Document) -> str:
        edition = edition_of(looked_at)
        Document.objects.filter(pk=looked_at.pk).update(title="Overtaken")
        return edition

    monkeypatch.setattr("documents.web.editing.edition_of", overtaken)

    assert post(*rows, title="Lease").status_code == 409
    assert now(document) == ("Overtaken", {})
    assert Payload.objects.count() == 0
    assert not list(provider.iter_locations("payloads/"))


def test_title_and_attributes_are_saved_together_or_not_at_all(
    document: Document, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_FAILPOINT", "attributes.in-transaction:raise")
    with pytest.raises(FailpointReached):
        post(("a", "1"), title="Lease")
    assert now(document) == ("Contract", {})
