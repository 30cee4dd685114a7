"""Lists, errors, accounts, health: the pages around the main ones."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from documents.models import Attachment, Document
from documents.models.clock import database_now
from tests.conftest import PASSWORD
from tests.encryption.keys import upload_tier_ring


@pytest.fixture
def browser(alice: User, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(alice)


def test_the_list_shows_ones_own_and_searches_titles(
    browser: Client, store: Callable[..., Document], bob: User
) -> None:
    store(title="January payslip")
    store(title="Contract")
    store(title="Theirs", owner=bob)

    everything = browser.get("/").content.decode()
    assert "January payslip" in everything
    assert "Contract" in everything
    assert "Theirs" not in everything
    found = browser.get("/", {"q": "PAYSLIP"}).content.decode()
    assert "January payslip" in found
    assert ">Contract<" not in found


def test_pages_follow_one_another_without_gap_or_repetition(browser: Client, alice: User) -> None:
    now = database_now()
    Document.objects.bulk_create(Document(owner=alice, title=f"document {n:03}") for n in range(120))
    Attachment.objects.bulk_create(
        Attachment(id=document.pk, document=document, storage_path=str(document.pk))
        for document in Document.objects.all()
    )
    for n, document in enumerate(Document.objects.order_by("title")):
        # Ties in time, as bulk uploads make them.
        Document.objects.filter(pk=document.pk).update(created_at=now - timedelta(seconds=n // 10))

    seen: list[str] = []
    path = "/"
    while path:
        page = browser.get(path).context["page"]
        seen += [document.title for document in page.rows]
        path = f"/?cursor={page.next_cursor}" if page.next_cursor else ""

    assert sorted(seen) == [f"document {n:03}" for n in range(120)]
    assert [title[-3:-1] for title in seen] == sorted(title[-3:-1] for title in seen)


@pytest.mark.parametrize(
    "cursor", ["x", "bm9uc2Vuc2U", "W10", "WzEsMl0", "WyIyMDI2LTAxLTAxIiwgIngiXQ", "\udc80", "[" * 500]
)
def test_a_forged_cursor_is_a_clear_error(browser: Client, cursor: str) -> None:
    response = browser.get("/", {"cursor": cursor.encode(errors="replace")})

    assert response.status_code == 400
    assert b"Start again" in response.content


@pytest.mark.parametrize("path", ["/nothing-here", "/documents/not-a-uuid/", "/static/missing.css"])
def test_what_does_not_exist_is_a_page_of_ours(browser: Client, path: str) -> None:
    response = browser.get(path)

    assert response.status_code == 404
    assert b"Document Vault" in response.content


def test_every_page_says_what_a_browser_may_do(browser: Client) -> None:
    policy = browser.get("/")["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def sign_in(username: str, password: str = PASSWORD) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": username, "password": password})
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def test_signing_in_by_name_or_address(alice: User) -> None:
    assert is_signed_in(sign_in("alice"))
    assert is_signed_in(sign_in("alice@example.org"))
    assert not is_signed_in(sign_in("alice", "wrong"))


def test_guessing_passwords_is_limited(alice: User) -> None:
    for _ in range(6):
        sign_in("alice", "wrong guess")

    assert not is_signed_in(sign_in("alice")), "the right one does not help any more, for a while"


def test_nobody_signs_up_by_themselves(client: Client, db: None, settings: Settings) -> None:
    form = {"username": "mallory", "email": "m@example.org", "password1": PASSWORD, "password2": PASSWORD}

    client.post("/accounts/signup/", form)
    assert not User.objects.exists()
    settings.VAULT = replace(settings.VAULT, signup_open=True)
    client.post("/accounts/signup/", form)
    assert User.objects.filter(username="mallory").exists()


def test_staff_can_be_made_to_have_a_second_factor(
    client_of: Callable[[User | None], Client], sam: User, alice: User, settings: Settings
) -> None:
    settings.VAULT = replace(settings.VAULT, require_staff_mfa=True)

    assert client_of(sam).get("/admin/")["Location"] == "/accounts/2fa/totp/activate/"
    assert client_of(sam).get("/")["Location"] == "/accounts/2fa/totp/activate/"
    assert client_of(sam).get("/accounts/logout/").status_code == 200
    assert client_of(alice).get("/").status_code == 200
    TOTP.activate(sam, "JBSWY3DPEHPK3PXP")
    assert client_of(sam).get("/admin/").status_code == 200


def test_the_admin_is_entered_by_the_vaults_own_sign_in(client: Client, db: None) -> None:
    response = client.get("/admin/login/")

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_health_needs_nothing_and_readiness_asks_everything(client: Client, db: None) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").content) == (200, b"ok\n")
    ready = client.get("/readyz")
    assert ready.json() == dict.fromkeys(("database", "cache", "keys", "storage", "broker"), "ok")


def test_readiness_names_what_fails(
    client: Client, db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAULT = replace(settings.VAULT, keys=replace(settings.VAULT.keys, passphrase="not needed"))

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["keys"] == "failed"
    assert response.json()["database"] == "ok"


def test_a_second_factor_can_be_set_up_where_no_mail_is_sent(browser: Client) -> None:
    browser.get("/accounts/reauthenticate/")
    with_password = browser.post(
        "/accounts/reauthenticate/",
        {"password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"].value},
    )

    assert with_password.status_code == 302
    assert browser.get("/accounts/2fa/totp/activate/").status_code == 200


def test_a_server_with_public_keys_alone_offers_no_download(
    alice: User, client_of: Callable[[User], Client], store: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, browser = f"/documents/{store().pk}/", client_of(alice)
    assert "Download</a>" in browser.get(page).content.decode()

    ring = upload_tier_ring()
    for module in ("downloads", "digests"):
        monkeypatch.setattr(f"documents.services.{module}.key_ring", lambda: ring)

    shown = browser.get(page).content.decode()
    assert "takes documents in and opens none" in shown
    assert "Download</a>" not in shown
    assert "Share by link" not in shown


def test_an_error_page_names_its_request_as_the_log_does(browser: Client) -> None:
    answer = browser.get("/documents/00000000-0000-4000-8000-000000000000/", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert re.search(r"request <code>[0-9a-f-]{36}</code>", answer.content.decode())
