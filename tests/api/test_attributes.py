"""The API: titles and attributes, changed by whoever may write."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.errors import StorageUnavailable
from documents.models import AuditEvent, Document, Payload
from documents.services.actors import Actor
from documents.services.tokens import create_token
from documents.storage.base import ObjectReader, StorageProvider
from documents.storage.memory import MemoryProvider
from tests.encryption.keys import upload_tier_ring

DOCUMENTS = "/api/v1/documents"
LARGE = {"department": "Legal", "abstract": "x" * 5000}
Ask = Callable[..., Any]


@pytest.fixture
def ask(alice: User, as_alice: Actor) -> Ask:
    """Ask for one of Alice's documents, with a token of hers; a body is sent as JSON."""

    def ask(method: str, document: Document, body: Any = None) -> Any:
        token = create_token(alice, actor=as_alice).token
        data = body if isinstance(body, str) else json.dumps(body)
        headers = {"Authorization": f"Bearer {token}"}
        return Client().generic(method, f"{DOCUMENTS}/{document.pk}", data, "application/json", headers=headers)

    return ask


def test_attributes_are_set_read_and_replaced(ask: Ask, store: Callable[..., Document]) -> None:
    document = store()

    answer = ask("PATCH", document, {"attributes": LARGE})

    assert answer.status_code == 200
    assert "attributes" not in answer.json(), "a token that may only write reads nothing"
    assert ask("GET", document).json()["attributes"] == LARGE
    assert ask("PATCH", document, {"attributes": {}}).status_code == 200
    assert ask("GET", document).json()["attributes"] == {}
    assert not Payload.objects.exists()


def test_title_and_attributes_are_changed_each_by_itself_and_together(ask: Ask, store: Callable[..., Document]) -> None:
    document = store(title="before")

    assert ask("PATCH", document, {"title": " After\n"}).json()["title"] == "After"
    assert ask("PATCH", document, {"attributes": {"a": 1}}).json()["title"] == "After"
    assert ask("PATCH", document, {"title": "Both", "attributes": {"b": 2}}).json()["title"] == "Both"
    assert ask("PATCH", document, {}).json()["title"] == "Both"
    found = ask("GET", document).json()
    assert (found["title"], found["attributes"]) == ("Both", {"b": 2})
    actions = AuditEvent.objects.filter(document_id=document.pk).order_by("id").values_list("action", flat=True)
    renamed, changed = "document.renamed", "document.attributes-set"
    assert list(actions)[2:] == [renamed, changed, changed, renamed]


def test_lists_have_no_attributes(ask: Ask, store: Callable[..., Document], alice: User, as_alice: Actor) -> None:
    ask("PATCH", store(), {"attributes": LARGE})
    headers = {"Authorization": f"Bearer {create_token(alice, actor=as_alice).token}"}

    (item,) = Client().get(DOCUMENTS, headers=headers).json()["items"]

    assert "attributes" not in item


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"attributes": {"a": "x" * 300_000}}, 413),
        ({"attributes": {"": 1}}, 422),
        ({"attributes": {"a" * 101: 1}}, 422),
        ({"attributes": [1]}, 422),
        ({"attributes": "a"}, 422),
        ({"titel": "a"}, 422),
        ({"title": 5}, 422),
        ({"attributes": {"a": 2**53}}, 422),
        ('{"attributes": {"a": NaN}}', 422),
        ('{"attributes": {"a": "\\ud800"}}', 422),
        ('{"attributes": {"a": ' + "[" * 11 + "]" * 11 + "}}", 422),
        ('{"attributes": {"a": ' + "[" * 100_000 + "]" * 100_000 + "}}", 400),
        ('{"attributes": {"a": ' + "9" * 5000 + "}}", 400),
        ("{", 400),
    ],
)
def test_what_breaks_a_limit_is_a_problem_document_and_changes_nothing(
    ask: Ask, store: Callable[..., Document], body: Any, status: int
) -> None:
    document = store(title="before")
    if isinstance(body, dict):
        body.setdefault("title", "after")

    answer = ask("PATCH", document, body)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    found = ask("GET", document).json()
    assert (found["title"], found["attributes"]) == ("before", {})


def test_a_typed_reference_is_plain_data_and_fetches_nothing(
    ask: Ask, store: Callable[..., Document], bob: User
) -> None:
    mine, other = store(), store()
    ask("PATCH", other, {"attributes": LARGE})
    stolen = Document.objects.get(pk=other.pk).attributes

    assert ask("PATCH", mine, {"attributes": stolen}).status_code == 200

    assert ask("GET", mine).json()["attributes"] == stolen
    assert Payload.objects.filter(document=mine).count() == 0


def test_a_server_of_public_keys_alone_takes_them_in_and_shows_those_that_are_not_sealed(
    ask: Ask, store: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    document, ring = store(), upload_tier_ring()
    monkeypatch.setattr("documents.services.payload_sealing.key_ring", lambda: ring)

    assert ask("PATCH", document, {"attributes": {"a": 1}}).status_code == 200
    assert ask("GET", document).json()["attributes"] == {"a": 1}
    assert ask("PATCH", document, {"attributes": LARGE}).status_code == 200
    assert ask("GET", document).json()["attributes"] is None


def test_an_attribute_whose_object_is_lost_leaves_the_rest_of_the_document(
    ask: Ask, store: Callable[..., Document], provider: StorageProvider, caplog: pytest.LogCaptureFixture
) -> None:
    document = store()
    ask("PATCH", document, {"attributes": LARGE})
    provider.delete(Payload.objects.get().storage_path)

    answer = ask("GET", document)

    assert (answer.status_code, answer.json()["title"], answer.json()["attributes"]) == (200, "payslip", None)
    assert "payload-unreadable" in caplog.text


def test_a_store_that_is_down_leaves_the_rest_of_the_document(
    ask: Ask, store: Callable[..., Document], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    document = store()
    ask("PATCH", document, {"attributes": LARGE})

    class Down(MemoryProvider):
        def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:  # noqa: ARG002
            raise StorageUnavailable("down", key=key)

    monkeypatch.setattr("documents.services.object_reading.readable_provider", lambda *_: Down())
    assert ask("GET", document).json()["attributes"] is None
    assert "storage-unavailable" in caplog.text
