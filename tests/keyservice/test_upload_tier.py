"""A server with public keys alone: documents come in by page and API, and it says what it does not do."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.models import Attachment, AuditEvent, Document, StagedAttachment
from documents.services.actors import Actor
from documents.services.links import create_link
from documents.services.readiness import Readiness
from documents.services.tokens import create_token
from tests.conftest import Store
from tests.keyservice.serving import public_sources
from tests.web.test_uploading import send_form, token

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User | None], Client]
PAGE = {"Accept": "text/html"}


@pytest.fixture(autouse=True)
def _upload_tier(settings: Settings, tmp_path: Path) -> None:
    settings.VAULT = replace(settings.VAULT, keys=public_sources(tmp_path / "public", None))
    key_rings.reset()


def test_documents_are_taken_in_by_page(client_of: ClientOf, alice: User) -> None:
    browser = client_of(alice)
    assert browser.get("/upload/").status_code == 200

    assert send_form(browser, b"a payslip").status_code == 302
    staged = StagedAttachment.objects.get(state=StagedAttachment.State.STAGED)
    confirmed = browser.post(
        "/upload/staged",
        {"csrfmiddlewaretoken": token(browser), "confirm": str(staged.pk), f"title-{staged.pk}": "A payslip"},
    )

    assert confirmed.status_code == 302, confirmed.content
    document = Document.objects.get()
    page = browser.get(f"/documents/{document.pk}/").content.decode()
    assert "takes documents in and opens none" in page
    assert "Download</a>" not in page


def test_documents_are_taken_in_by_the_api(client: Client, as_alice: Actor, alice: User) -> None:
    headers = {"Authorization": f"Bearer {create_token(alice, actor=as_alice).token}", "X-Filename": "a.pdf"}

    stored = client.post("/api/v1/documents", b"a payslip", content_type="application/pdf", headers=headers)

    assert (stored.status_code, stored.json()["sha256"]) == (201, None)
    listed = client.get("/api/v1/documents", headers=headers)
    assert [item["sha256"] for item in listed.json()["items"]] == [None]


def test_opening_is_refused_in_words_and_marks_nothing(store: Store, client_of: ClientOf, alice: User) -> None:
    document = store(b"a payslip")

    page = client_of(alice).get(f"/documents/{document.pk}/content", headers=PAGE)

    assert page.status_code == 503
    assert "takes documents in and cannot open them" in page.content.decode()
    assert Attachment.objects.get().suspect_at is None
    assert not AuditEvent.objects.filter(action="document.downloaded").exists()


def test_a_link_is_refused_in_words_and_not_used_up(store: Store, alice: User, as_alice: Actor, client: Client) -> None:
    made = create_link(store(b"a payslip"), creator=alice, actor=as_alice, max_downloads=1)

    answer = client.get(f"/l/{made.token}")

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:document-vault:seal-only")
    made.link.refresh_from_db()
    assert made.link.downloads == 0


def test_it_is_ready_without_private_keys() -> None:
    assert Readiness()()["keys"]
