"""The API: upload, list, read, share, delete, with tokens that may do so."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from documents.encryption.envelope import OpenRow, open_row
from documents.encryption.keyring import KeyRing
from documents.models import ApiToken, AuditEvent, Document, Link, StagedAttachment
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.tokens import create_token, end_token
from tests.encryption.keys import upload_tier_ring

DOCUMENTS = "/api/v1/documents"
Call = Callable[..., Any]


@pytest.fixture
def call(alice: User, as_alice: Actor) -> Call:
    """Ask the API as Alice; ``scopes`` and ``token`` choose the token."""

    def ask(
        method: str, path: str = "", data: bytes | str = b"", kind: str = "application/octet-stream", **options: object
    ) -> Any:
        token = (
            options.get("token")
            or create_token(
                alice,
                actor=as_alice,
                scopes=options.get("scopes", ("read", "write", "share")),  # type: ignore[arg-type]
            ).token
        )
        headers = {"Authorization": f"Bearer {token}", **options.get("headers", {})}  # type: ignore[dict-item]
        return Client(enforce_csrf_checks=True).generic(method, DOCUMENTS + path, data, kind, headers=headers)

    return ask


def test_a_raw_body_becomes_a_document_in_one_step(call: Call, alice: User) -> None:
    content = b"%PDF-1.7 a payslip"
    answer = call("POST", "", content, "application/pdf", headers={"X-Filename": "Gehalt%20J%C3%A4nner.pdf"})

    document = Document.objects.get(owner=alice)
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(document.pk),
        "title": "Gehalt Jänner",
        "filename": "Gehalt Jänner.pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "application/pdf",
        "created_at": answer.json()["created_at"],
        "version": 1,
    }
    assert not StagedAttachment.objects.exists()
    assert call("GET", f"/{document.pk}").json() == {**answer.json(), "attributes": {}}
    assert call("GET", f"/{document.pk}/content").getvalue() == content


@pytest.mark.parametrize("title", ["", "Contract"])
def test_a_form_field_named_file_becomes_a_document(alice: User, as_alice: Actor, title: str) -> None:
    token = create_token(alice, actor=as_alice).token
    fields = {"file": SimpleUploadedFile("contract.pdf", b"abc", "application/pdf"), "title": title}

    answer = Client().post(DOCUMENTS, fields, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 201
    assert (answer.json()["title"], answer.json()["size"]) == (title or "contract", 3)


@pytest.mark.parametrize("fields", [{}, {"other": b"abc"}, {"file": b"abc", "more": b"def"}])
def test_a_form_of_another_shape_is_refused_and_leaves_nothing(
    alice: User, as_alice: Actor, fields: dict[str, bytes]
) -> None:
    token = create_token(alice, actor=as_alice).token
    files = {name: SimpleUploadedFile("a", content) for name, content in fields.items()}

    answer = Client().post(DOCUMENTS, files, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not StagedAttachment.objects.exclude(state=StagedAttachment.State.DISCARDED).exists()


@pytest.mark.parametrize("header", ["M%C3%A4rz%20%F0%9F%A7%BE.pdf", "März 🧾.pdf".encode().decode("latin-1")])
def test_a_name_may_be_percent_encoded_or_utf8_as_it_is(call: Call, header: str) -> None:
    assert call("POST", "", b"x", headers={"X-Filename": header}).json()["filename"] == "März 🧾.pdf"


def test_an_empty_body_and_an_empty_name_are_a_document(call: Call) -> None:
    answer = call("POST", headers={"X-Filename": "", "Content-Length": "0"}).json()

    assert (answer["filename"], answer["size"], answer["sha256"]) == ("document", 0, hashlib.sha256().hexdigest())


def test_pages_of_the_list(call: Call, store: Callable[..., Document], bob: User) -> None:
    ids = [str(store(title=f"document {n}").pk) for n in range(5)]
    store(owner=bob)

    first = call("GET", "?limit=3").json()
    second = call("GET", f"?limit=3&cursor={first['next_cursor']}").json()

    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert [item["title"] for item in call("GET", "?title=DOCUMENT%203").json()["items"]] == ["document 3"]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?limit=x", "?cursor=forged"])
def test_a_request_that_does_not_fit_is_a_problem_document(call: Call, query: str) -> None:
    answer = call("GET", query)

    assert answer.status_code in (400, 422)
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "instance"}


def test_content_has_ranges_and_an_etag(call: Call, store: Callable[..., Document]) -> None:
    path = f"/{store(b'0123456789').pk}/content"

    part = call("GET", path, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.getvalue()) == (206, b"234")
    assert call("GET", path, headers={"If-None-Match": part["ETag"]}).status_code == 304
    assert call("HEAD", path)["Content-Length"] == "10"


def test_deleting(call: Call, store: Callable[..., Document]) -> None:
    path = f"/{store().pk}"

    assert call("DELETE", path).status_code == 204
    assert call("DELETE", path).status_code == 404
    assert call("GET", path).status_code == 404


def test_a_link_answers_a_plain_get(call: Call, store: Callable[..., Document]) -> None:
    path = f"/{store(b'shared').pk}/links"

    made = call("POST", path, '{"expires_in": 60}', "application/json")

    assert made.status_code == 201
    body = made.json()
    assert set(body) == {"id", "url", "expires_at"}
    assert Client().get(body["url"].removeprefix("http://testserver")).getvalue() == b"shared"
    assert call("POST", path, "{}", "application/json").status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        '{"expires_in": 0}',
        '{"expires_in": 1000000000000000}',
        '{"password": "\\ud800aaaaaaaaaaaa"}',
        '{"expires_in": 1e99}',
        '{"expires_in": "x"}',
        '{"password": "short"}',
        '{"max_downloads": -1}',
        '["x"]',
        '{"expire_in": 5}',
        "{",
        "",
    ],
)
def test_a_link_that_breaks_a_limit_is_refused(call: Call, store: Callable[..., Document], body: str) -> None:
    answer = call("POST", f"/{store().pk}/links", body, "application/json")

    assert answer.status_code in (400, 422)
    assert answer["Content-Type"] == "application/problem+json"
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Basic abc", "Bearer vlt_\u00e9", "bearer nope"]
)
def test_without_a_valid_token_the_answer_is_401(header: str, db: None) -> None:
    answer = Client().get(DOCUMENTS, headers={"Authorization": header} if header else {})

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"


def test_a_session_is_no_token(alice: User, client_of: Callable[[User | None], Client]) -> None:
    assert client_of(alice).get(DOCUMENTS).status_code == 401


def test_tokens_end(call: Call, alice: User, as_alice: Actor) -> None:
    made = create_token(alice, actor=as_alice, expires_in=timedelta(days=1))
    assert call("GET", token=made.token).status_code == 200
    assert made.token not in str(list(ApiToken.objects.values()) + list(AuditEvent.objects.values()))

    ApiToken.objects.update(expires_at=database_now())
    assert call("GET", token=made.token).status_code == 401
    ApiToken.objects.update(expires_at=None)
    assert call("GET", token=made.token).status_code == 200
    User.objects.update(is_active=False)
    assert call("GET", token=made.token).status_code == 401
    User.objects.update(is_active=True)
    assert end_token(made.row, as_alice)
    assert not end_token(made.row, as_alice)
    assert call("GET", token=made.token).status_code == 401


def test_a_scope_that_is_missing_is_named(call: Call, store: Callable[..., Document]) -> None:
    path = f"/{store().pk}"
    needed = {
        "write": [("POST", ""), ("PATCH", path), ("DELETE", path)],
        "read": [("GET", ""), ("GET", path), ("GET", f"{path}/content")],
        "share": [("POST", f"{path}/links")],
    }
    for scope, calls in needed.items():
        others = tuple({"read", "write", "share"} - {scope})
        for method, place in calls:
            answer = call(method, place, "{}", "application/json", scopes=others)
            assert answer.status_code == 403, (method, place)
            assert scope in answer.json()["detail"]


def test_a_server_with_public_keys_alone_takes_in_and_says_so_on_reading(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = upload_tier_ring()
    for module in ("uploads", "downloads", "digests"):
        monkeypatch.setattr(f"documents.services.{module}.key_ring", lambda: ring)

    stored = call("POST", "", b"abc")
    assert (stored.status_code, stored.json()["sha256"]) == (201, None)
    refused = call("GET", f"/{stored.json()['id']}/content")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:document-vault:seal-only")


def test_too_large_is_413_before_anything_is_read(call: Call, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, max_upload_size=10)

    answer = call("POST", "", bytes(11))
    assert answer.status_code == 413
    assert not AuditEvent.objects.filter(action__startswith="upload").exists()


def test_the_reference_lists_every_operation(client: Client, db: None) -> None:
    schema = client.get("/api/v1/openapi.json").json()

    operations = {(method.upper(), path) for path, methods in schema["paths"].items() for method in methods}
    assert operations >= {("POST", DOCUMENTS), ("GET", DOCUMENTS), ("POST", f"{DOCUMENTS}/{{document_id}}/links")}
    page = client.get("/api/v1/docs").content.decode()
    assert all(path in page for _, path in operations)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing/here", 404), ("GET", "/not-a-uuid", 404), ("PUT", "", 405), ("PATCH", "", 405)],
)
def test_every_error_below_api_is_a_problem_document(call: Call, method: str, path: str, status: int) -> None:
    answer = call(method, path)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


def test_a_title_with_a_nul_finds_nothing_and_breaks_nothing(call: Call, store: Callable[..., Document]) -> None:
    store(title="Title")

    assert call("GET", "?title=Ti%00tle").json()["items"] != []
    assert (
        call(
            "GET", "?cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgIjAwMDAwMDAwMDAwMDQwMDA4MDAwMDAwMDAwMDAwMDAwIl0"
        ).status_code
        == 400
    )


def test_a_list_opens_each_digest_once(
    call: Call, store: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    opened: list[object] = []

    def counted(core: bytes, key_block: bytes, ring: KeyRing) -> OpenRow:
        opened.append(core)
        return open_row(core, key_block, ring)

    monkeypatch.setattr("documents.services.digests.open_row", counted)

    for _ in range(3):
        assert call("GET").json()["items"][0]["sha256"]
    assert len(opened) == 1
