"""References to payloads: only the owner's own count, and what is refused fetches nothing."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from documents.errors import PayloadReferenceInvalid, PayloadTooLarge, PayloadUnreadable
from documents.models import Document, Payload
from documents.services.payload_values import JSON, PAYLOAD
from documents.services.payloads import dehydrate, hydrate, release
from documents.storage.base import StorageProvider
from tests.documents.payload_samples import APP, LARGE, reference_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(alice: User) -> JSON:
    """A value of Alice's with one reference in it."""
    return dehydrate(LARGE, attribution=APP, owner=alice)


class Watched:
    """Stands in for ``readable_provider`` and notes that it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, provider: StorageProvider) -> None:
        self.asked, self.provider = 0, provider
        monkeypatch.setattr("documents.services.object_reading.readable_provider", self)

    def __call__(self, *_where: object) -> StorageProvider:
        self.asked += 1
        return self.provider


FORGERIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another id": lambda known: known | {"id": str(uuid4())},
    "another key": lambda known: known | {"key": "documents/user_1/2026/01/01/a.vlt"},
    "another provider": lambda known: known | {"provider": "elsewhere"},
    "another size": lambda known: known | {"size": 1},
    "another content type": lambda known: known | {"content_type": "raw"},
    "another schema": lambda known: known | {"schema": "someone-elses.payload"},
    "another version": lambda known: known | {"version": 2},
    "a version that is no integer": lambda known: known | {"version": True},
    "another owner": lambda known: known | {"attribution": {"app": APP, "owner": 0}},
    "a member more": lambda known: known | {"url": "http://127.0.0.1/"},
    "a member less": lambda known: {name: known[name] for name in known if name != "attribution"},
    "an id in other letters": lambda known: known | {"id": known["id"].upper()},
    "an id that is none": lambda known: known | {"id": "'; DROP TABLE documents_payload; --"},
    "an id of another type": lambda known: known | {"id": 7},
    "nothing": lambda _known: {},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_reference_fetches_nothing(
    small: JSON, alice: User, forgery: str, monkeypatch: pytest.MonkeyPatch, provider: StorageProvider
) -> None:
    store = Watched(monkeypatch, provider)
    forged = {"body": {PAYLOAD: FORGERIES[forgery](reference_in(small))}, "sound": small["body"]}

    with pytest.raises(PayloadReferenceInvalid):
        hydrate(forged, attribution=APP, owner=alice)
    assert store.asked == 0
    assert hydrate(small, attribution=APP, owner=alice) == LARGE
    assert store.asked == 1, "the watch sees what is fetched"


@pytest.mark.parametrize("reference", [None, 1, "a", [], [1], {"id": {}}])
def test_a_reference_of_any_other_shape_is_refused(alice: User, reference: Any) -> None:
    with pytest.raises(PayloadReferenceInvalid):
        hydrate({PAYLOAD: reference}, attribution=APP, owner=alice)


def test_a_reference_is_no_use_to_another_owner_or_app(
    small: JSON, alice: User, bob: User, sam: User, monkeypatch: pytest.MonkeyPatch, provider: StorageProvider
) -> None:
    store = Watched(monkeypatch, provider)

    for owner, app in ((bob, APP), (sam, APP), (None, APP), (alice, "documents")):
        with pytest.raises(PayloadReferenceInvalid):
            hydrate(small, attribution=app, owner=owner)
        with pytest.raises(PayloadReferenceInvalid):
            release(small, attribution=app, owner=owner)
    assert store.asked == 0
    assert Payload.objects.count() == 1


def test_a_typed_reference_stays_plain_data(small: JSON, alice: User, bob: User) -> None:
    for typed_by in (alice, bob):
        stored = dehydrate({"note": small}, attribution=APP, owner=typed_by)
        assert hydrate(stored, attribution=APP, owner=typed_by) == {"note": small}
    with pytest.raises(PayloadReferenceInvalid):
        hydrate({"note": small}, attribution=APP, owner=bob)


def test_a_document_is_never_opened_as_a_payload(
    small: JSON, alice: User, store: Callable[..., Document], provider: StorageProvider
) -> None:
    """Even where somebody who can write rows points one at the other's object."""
    attachment = store(b'"stolen"').current_attachment()
    sealed = ("storage_path", "size", "envelope_core", "key_block")
    for ids in ({}, {"group_id": attachment.document_id}):
        Payload.objects.update(**{name: getattr(attachment, name) for name in sealed}, **ids)
        with pytest.raises(PayloadUnreadable):
            hydrate(small, attribution=APP, owner=alice)


def test_a_thousand_references_are_refused_before_one_is_read(
    small: JSON, alice: User, monkeypatch: pytest.MonkeyPatch, provider: StorageProvider
) -> None:
    store = Watched(monkeypatch, provider)

    with pytest.raises(PayloadTooLarge, match="16 references"):
        hydrate([small["body"]] * 1000, attribution=APP, owner=alice)
    with pytest.raises(PayloadTooLarge, match="10,000 bytes"):
        hydrate([small["body"]] * 2, attribution=APP, owner=alice, max_size=10_000)
    assert store.asked == 0
    assert hydrate([small["body"]] * 2, attribution=APP, owner=alice, max_size=10_004) == ["x" * 5000] * 2
    assert len(hydrate([small["body"]] * 20, attribution=APP, owner=alice, max_references=20)) == 20
