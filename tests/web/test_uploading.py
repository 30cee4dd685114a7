"""Uploading through the pages: a plain form, a raw body, and what waits to be confirmed."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from documents.models import AuditEvent, Document, StagedAttachment
from documents.models.clock import database_now
from documents.storage.base import StorageProvider

State = StagedAttachment.State


@pytest.fixture
def browser(alice: User, client_of: Callable[[User | None], Client]) -> Client:
    client = client_of(alice)
    client.get("/upload/")
    return client


def token(client: Client) -> str:
    return client.cookies["csrftoken"].value


def send_form(client: Client, *contents: bytes, csrf: str | None = None, **headers: str) -> Any:
    files = [SimpleUploadedFile(f"file {n}.pdf", content, "application/pdf") for n, content in enumerate(contents)]
    data = {"csrfmiddlewaretoken": token(client) if csrf is None else csrf, "files": files}
    return client.post("/upload/", data, headers=headers)


def send_raw(client: Client, content: bytes, name: str = "a.pdf", **headers: str) -> Any:
    names = {"X-Filename": quote(name.encode(errors="surrogatepass")), "X-CSRFToken": token(client), **headers}
    return client.generic("POST", "/upload/raw", content, "application/pdf", headers=names)


def stored(provider: StorageProvider, owner: User) -> int:
    return len(list(provider.iter_locations(f"documents/user_{owner.pk}/")))


def test_a_form_with_two_files_stages_both(browser: Client, alice: User, provider: StorageProvider) -> None:
    before = stored(provider, alice)
    response = send_form(browser, b"one", b"two" * 200_000)

    assert (response.status_code, response["Location"]) == (302, "/upload/")
    assert {(s.filename, s.size) for s in StagedAttachment.objects.filter(state=State.STAGED)} == {
        ("file 0.pdf", 3),
        ("file 1.pdf", 600_000),
    }
    assert stored(provider, alice) == before + 2


def test_a_form_without_a_file_says_what_to_do(browser: Client) -> None:
    response = browser.post("/upload/", {"csrfmiddlewaretoken": token(browser)})

    assert response.status_code == 400
    assert b"Choose one or more" in response.content


@pytest.mark.parametrize("csrf", ["", "x" * 64, "short"])
def test_a_form_with_a_wrong_token_is_refused_and_leaves_nothing(
    browser: Client, alice: User, provider: StorageProvider, csrf: str
) -> None:
    before = stored(provider, alice)
    response = send_form(browser, b"one", b"two", csrf=csrf)

    assert response.status_code == 403
    assert b"again" in response.content.lower()
    assert not StagedAttachment.objects.filter(state=State.STAGED).exists()
    assert stored(provider, alice) == before


def test_a_form_of_another_origin_is_refused_before_it_is_read(browser: Client) -> None:
    response = send_form(browser, b"one", Origin="https://evil.example")

    assert response.status_code == 403
    assert send_form(browser, b"one", **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert not AuditEvent.objects.exists(), "nothing was sealed for nothing"
    assert send_form(browser, b"one", Origin="http://testserver").status_code == 302


def test_each_file_of_a_form_keeps_to_the_limit_not_all_together(browser: Client, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, max_upload_size=2_000_000)

    assert send_form(browser, bytes(1_900_000), bytes(1_900_000)).status_code == 302
    assert send_form(browser, b"small", bytes(2_000_001)).status_code == 413
    assert StagedAttachment.objects.filter(state=State.STAGED).count() == 2


def test_more_than_a_form_can_show_are_confirmed_together(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("documents.web.uploading.STAGED_SHOWN", 2)
    for _ in range(3):
        send_raw(browser, b"abc")

    page = browser.get("/upload/").content.decode()
    assert page.count('name="title-') == 2
    assert "Confirm all 3" in page
    settle(browser, confirm="all")
    assert Document.objects.count() == 3


def test_one_that_expired_keeps_no_other_from_being_confirmed(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [send_raw(browser, b"abc").json()["id"] for _ in range(3)]
    StagedAttachment.objects.filter(pk=ids[1]).update(expires_at=database_now())
    monkeypatch.setattr("documents.web.uploading.staged_attachments_of", lambda _: StagedAttachment.objects.all())

    assert settle(browser, confirm="all")["Location"] == "/"
    assert Document.objects.count() == 2


def test_a_raw_body_is_staged_and_told_in_json(browser: Client) -> None:
    response = send_raw(browser, b"abc", name="Gehälter 2026.pdf")

    assert response.status_code == 201
    staged = StagedAttachment.objects.get()
    assert response.json() == {
        "id": str(staged.pk),
        "filename": "Gehälter 2026.pdf",
        "size": 3,
        "content_type": "application/pdf",
    }


def test_a_raw_body_without_a_token_is_refused(browser: Client) -> None:
    assert send_raw(browser, b"abc", **{"X-CSRFToken": ""}).status_code == 403
    assert not StagedAttachment.objects.exists()


def test_a_body_larger_than_the_limit_is_413_and_leaves_nothing(
    browser: Client, settings: Settings, alice: User, provider: StorageProvider
) -> None:
    settings.VAULT = replace(settings.VAULT, max_upload_size=1000)
    before = stored(provider, alice)

    refused = send_raw(browser, bytes(1001))
    assert refused.status_code == 413
    assert "1,000 bytes" in refused.json()["detail"]
    # A form is a little longer than its file: the limit is found while the file is read.
    assert send_form(browser, bytes(1001)).status_code == 413
    assert send_form(browser, bytes(3_000_000)).status_code == 413
    assert stored(provider, alice) == before
    assert not StagedAttachment.objects.exclude(state=State.DISCARDED).exists()
    assert send_raw(browser, bytes(1000)).status_code == 201


def test_a_body_of_unknown_length_is_411(browser: Client) -> None:
    response = browser.generic(
        "POST", "/upload/raw", b"", "application/pdf", headers={"X-CSRFToken": token(browser)}, CONTENT_LENGTH=""
    )
    assert response.status_code == 411


def test_a_form_that_breaks_off_is_no_shorter_document(browser: Client, alice: User, provider: StorageProvider) -> None:
    """Django's parser takes the end of the input for the end of the file; the count of bytes tells."""
    head = f'--B\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token(browser)}\r\n'
    file = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nhalf of it'
    body = head.encode() + file
    announced: dict[str, Any] = {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body) + 5000)}
    before = stored(provider, alice)

    response = browser.generic("POST", "/upload/", body, "multipart/form-data; boundary=B", **announced)

    assert response.status_code == 400
    assert b"ended after" in response.content
    assert stored(provider, alice) == before
    assert not StagedAttachment.objects.exclude(state=State.DISCARDED).exists()


def test_other_forms_take_no_files(browser: Client, provider: StorageProvider) -> None:
    response = browser.post(
        "/upload/staged",
        {"confirm": "all", "file": SimpleUploadedFile("x", b"plaintext")},
        headers={"X-CSRFToken": token(browser)},
    )
    assert response.status_code == 400
    assert not StagedAttachment.objects.exists()


def settle(client: Client, **data: str) -> Any:
    return client.post("/upload/staged", data, headers={"X-CSRFToken": token(client)})


def test_confirming_one_leads_to_its_page(browser: Client) -> None:
    staged_id = send_raw(browser, b"abc").json()["id"]

    response = settle(browser, confirm=staged_id, **{f"title-{staged_id}": "My pay slip"})

    document = Document.objects.get()
    assert response["Location"] == f"/documents/{document.pk}/"
    assert document.title == "My pay slip"
    assert "My pay slip" in browser.get(response["Location"]).content.decode()


def test_confirming_one_of_several_comes_back_to_the_others_with_their_titles(browser: Client) -> None:
    first, second = (send_raw(browser, b"abc").json()["id"] for _ in range(2))

    titles = {f"title-{first}": "The first", f"title-{second}": "The second", "title-nonsense": "no id"}
    response = settle(browser, confirm=first, **titles)

    assert response["Location"] == "/upload/"
    page = browser.get("/upload/").content.decode()
    assert f'<a href="/documents/{Document.objects.get().pk}/">The first</a> is in the vault' in page
    assert 'value="The second"' in page
    settle(browser, confirm="all")
    assert {document.title for document in Document.objects.all()} == {"The first", "The second"}


def test_titles_of_others_are_not_kept(browser: Client, bob: User, client_of: Callable[[User], Client]) -> None:
    staged_id = send_raw(browser, b"abc").json()["id"]
    stranger = client_of(bob)
    stranger.get("/upload/")

    assert settle(stranger, confirm=staged_id, **{f"title-{staged_id}": "Mine now"}).status_code == 404

    assert StagedAttachment.objects.get().title == ""


def test_confirming_all_leads_to_the_list(browser: Client) -> None:
    for _ in range(3):
        send_raw(browser, b"abc")

    assert settle(browser, confirm="all")["Location"] == "/"
    assert Document.objects.count() == 3


def test_discarding_one(browser: Client) -> None:
    staged_id = send_raw(browser, b"abc").json()["id"]

    assert settle(browser, discard=staged_id)["Location"] == "/upload/"
    assert StagedAttachment.objects.get().state == State.DISCARDED
    assert settle(browser, discard=staged_id).status_code == 404


@pytest.mark.parametrize("choice", [{}, {"confirm": "nonsense"}, {"discard": "../.."}, {"confirm": "all"}])
def test_settling_nothing_says_what_to_do(browser: Client, choice: dict[str, str]) -> None:
    response = settle(browser, **choice)

    assert response.status_code == 404
    assert b"upload it again" in response.content


def test_an_upload_is_audited_with_its_caller(browser: Client, alice: User) -> None:
    send_raw(browser, b"abc")

    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.via, event.ip) == ("upload.staged", alice, "web", "127.0.0.1")
    assert event.request_id


def test_a_form_of_too_many_documents_is_told_how_many_it_may_hold(browser: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2

    answer = send_form(browser, b"1", b"2", b"3")

    assert answer.status_code == 400
    assert "at most 2 documents at a time" in answer.content.decode()
    assert not StagedAttachment.objects.filter(state=State.STAGED).exists()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://hr.example.com", 302),
        ("https://example.com", 302),
        ("http://hr.example.com", 403),
        ("https://hr.example.com.evil.org", 403),
        ("https://evil.org", 403),
        ("null", 403),
    ],
)
def test_a_form_comes_from_a_trusted_origin(browser: Client, settings: Settings, origin: str, status: int) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.com", "https://example.com"]

    assert send_form(browser, b"1", Origin=origin).status_code == status


def test_discarding_all_passes_over_what_expired_meanwhile(
    browser: Client, monkeypatch: pytest.MonkeyPatch, alice: User
) -> None:
    for _ in range(2):
        send_raw(browser, b"abc")
    shown = list(StagedAttachment.objects.all())
    StagedAttachment.objects.filter(pk=shown[0].pk).update(state=State.DISCARDED)
    monkeypatch.setattr("documents.web.uploading.staged_attachments_of", lambda _user: shown)

    assert settle(browser, discard="all")["Location"] == "/upload/"
    assert not StagedAttachment.objects.exclude(state=State.DISCARDED).exists()
