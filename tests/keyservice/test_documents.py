"""A vault with public keys alone opens documents through the unwrap service, and only through it."""

import hashlib
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.errors import KeyServiceUnavailable
from documents.key_rings import key_ring
from documents.keyservice.attached import RemoteOpener
from documents.models import Attachment, Document
from documents.services.actors import Actor
from documents.services.attributes import set_attributes
from documents.services.downloads import Download
from documents.services.tokens import create_token
from tests.conftest import Store
from tests.keyservice.serving import Service, unwrap_service

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User | None], Client]


def read(document: Document, actor: Actor) -> bytes:
    attachment = Attachment.objects.get(document=document)
    with Download(attachment, actor, start=0, stop=attachment.size) as download:
        return b"".join(bytes(piece) for piece in download)


@pytest.fixture
def api(alice: User, as_alice: Actor, client: Client) -> Callable[[str], Any]:
    """What the API answers to a GET of Alice's, as JSON."""
    token = create_token(alice, actor=as_alice).token

    def get(path: str) -> Any:
        return client.get(f"/api/v1/documents{path}", headers={"Authorization": f"Bearer {token}"}).json()

    return get


def test_a_document_is_opened_with_a_dek_from_the_service(tier: Service, store: Store, as_alice: Actor) -> None:
    document = store(b"a payslip")

    assert read(document, as_alice) == b"a payslip"

    attachment = str(Attachment.objects.get().pk)
    assert {(line["attachment"], line["peer"], line["kek"]) for line in tier.lines()} == {
        (attachment, f"uid:{os.getuid()}", key_ring().primary.kek_id.hex())
    }
    assert tier.outcomes() == ["asked", "given"]


def test_while_the_service_is_away_documents_are_taken_in_and_none_is_opened(
    tier: Service, store: Store, as_alice: Actor
) -> None:
    before = store(b"before")
    tier.kill()

    after = store(b"meanwhile")

    for document in (before, after):
        with pytest.raises(KeyServiceUnavailable):
            read(document, as_alice)
    assert not Attachment.objects.exclude(suspect_at=None).exists()
    with unwrap_service(tier.directory):
        assert [read(document, as_alice) for document in (before, after)] == [b"before", b"meanwhile"]


def test_people_are_told_that_nothing_is_wrong_with_their_document(
    tier: Service, store: Store, client_of: ClientOf, alice: User
) -> None:
    document = store(b"a payslip")
    tier.kill()
    browser = client_of(alice)

    page = browser.get(f"/documents/{document.pk}/content", headers={"Accept": "text/html"})

    assert page.status_code == 503
    assert "nothing is wrong with yours" in page.content.decode()


def test_a_list_costs_no_unwrap_and_the_one_document_tells_its_digest(
    tier: Service, store: Store, api: Callable[[str], Any]
) -> None:
    """What a service unwraps in a minute is for downloads, and not for a column that few look at."""
    documents = [store(b"%d" % number) for number in range(3)]
    one = documents[0].pk

    assert [item["sha256"] for item in api("")["items"]] == [None] * 3
    assert tier.outcomes() == []
    assert api(f"/{one}")["sha256"] == hashlib.sha256(b"0").hexdigest()

    assert tier.outcomes() == ["asked", "given"]
    told = {item["id"]: item["sha256"] for item in api("")["items"]}
    assert told.pop(str(one)) == hashlib.sha256(b"0").hexdigest(), "it was told before"
    assert set(told.values()) == {None}
    assert tier.outcomes() == ["asked", "given"]


def test_a_service_that_is_away_is_asked_once_for_one_document(
    tier: Service,
    store: Store,
    alice: User,
    as_alice: Actor,
    api: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = store(b"a payslip")
    set_attributes(document.pk, {"note": "x" * 5000}, owner=alice, actor=as_alice)
    tier.kill()
    asked: list[bytes] = []
    open_dek = RemoteOpener.open_dek

    def counted(opener: RemoteOpener, wrapped: bytes, context: bytes) -> bytes:
        asked.append(context)
        return open_dek(opener, wrapped, context)

    monkeypatch.setattr(RemoteOpener, "open_dek", counted)

    shown = api(f"/{document.pk}")

    assert (shown["attributes"], shown["sha256"], len(asked)) == (None, None, 1)
