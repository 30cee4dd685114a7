"""Links by the API: listed without their addresses, and ended."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.models import AuditEvent, Document, Link
from documents.services.actors import Actor
from documents.services.links import create_link
from documents.services.tokens import create_token

Ask = Callable[..., Any]


@pytest.fixture
def ask() -> Ask:
    """Ask the API as somebody, with a token of these scopes."""

    def make(user: User, method: str, path: str, *, scopes: tuple[str, ...] = ("share",)) -> Any:
        token = create_token(user, actor=Actor(user, "command"), scopes=scopes).token
        return Client().generic(method, f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})

    return make


def test_the_links_of_a_document_are_listed_without_their_tokens(
    ask: Ask, alice: User, as_alice: Actor, store: Callable[..., Document]
) -> None:
    document = store()
    made = create_link(document, creator=alice, actor=as_alice, password="open sesame", max_downloads=3)
    create_link(document, creator=alice, actor=as_alice)

    answer = ask(alice, "GET", f"/documents/{document.pk}/links")

    assert answer.status_code == 200
    facts = {link["id"]: link for link in answer.json()["items"]}
    assert len(facts) == 2
    protected = facts[str(made.link.pk)]
    assert (protected["has_password"], protected["downloads"], protected["max_downloads"]) == (True, 0, 3)
    assert set(protected) == {"id", "created_at", "expires_at", "has_password", "downloads", "max_downloads"}
    assert made.token not in answer.content.decode()


def test_a_link_is_revoked_and_stays_so(ask: Ask, alice: User, as_alice: Actor, store: Callable[..., Document]) -> None:
    document = store()
    made = create_link(document, creator=alice, actor=as_alice)

    assert ask(alice, "DELETE", f"/links/{made.link.pk}").status_code == 204
    assert ask(alice, "DELETE", f"/links/{made.link.pk}").status_code == 204

    assert ask(alice, "GET", f"/documents/{document.pk}/links").json()["items"] == []
    assert Client().get(f"/l/{made.token}").status_code == 410
    assert AuditEvent.objects.get(action="link.revoked").via == "api"


def test_links_of_others_are_not_found(
    ask: Ask, alice: User, bob: User, as_alice: Actor, store: Callable[..., Document]
) -> None:
    document = store()
    made = create_link(document, creator=alice, actor=as_alice)

    assert ask(bob, "GET", f"/documents/{document.pk}/links").status_code == 404
    assert ask(bob, "DELETE", f"/links/{made.link.pk}").status_code == 404
    assert Link.objects.get().revoked_at is None


def test_links_need_the_share_scope(ask: Ask, alice: User, as_alice: Actor, store: Callable[..., Document]) -> None:
    document = store()
    made = create_link(document, creator=alice, actor=as_alice)

    for method, path in (("GET", f"/documents/{document.pk}/links"), ("DELETE", f"/links/{made.link.pk}")):
        answer = ask(alice, method, path, scopes=("read", "write"))
        assert answer.status_code == 403
        assert "share" in answer.json()["detail"]
