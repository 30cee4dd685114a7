"""A vault with public keys alone opens documents through the unwrap service, and only through it."""

import os
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.errors import KeyServiceUnavailable
from documents.key_rings import key_ring
from documents.models import Attachment, Document
from documents.services.actors import Actor
from documents.services.downloads import Download
from tests.conftest import Store
from tests.keyservice.serving import Service, unwrap_service

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User | None], Client]


def read(document: Document, actor: Actor) -> bytes:
    attachment = Attachment.objects.get(document=document)
    with Download(attachment, actor, start=0, stop=attachment.size) as download:
        return b"".join(bytes(piece) for piece in download)


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
