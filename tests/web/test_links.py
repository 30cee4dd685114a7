"""The public side of links: content for programs, a page for browsers, one answer for every way to have ended."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from documents.errors import LinkRejected
from documents.models import AuditEvent, Document, Link
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.links import create_link
from documents.web.forms import LinkForm, lifetimes

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def document(store: Callable[..., Document]) -> Document:
    return store(b"a payslip", title="Secret title", filename="secret-name.pdf")


@pytest.fixture
def share(document: Document, alice: User, as_alice: Actor) -> Callable[..., str]:
    return lambda **limits: f"/l/{create_link(document, creator=alice, actor=as_alice, **limits).token}"


def test_a_program_gets_the_content(share: Callable[..., str], client: Client) -> None:
    response = client.get(share())

    assert (response.status_code, response.getvalue()) == (200, b"a payslip")
    assert response["Referrer-Policy"] == "no-referrer"
    assert AuditEvent.objects.filter(action="link.downloaded", via="link").count() == 1


def test_a_browser_gets_a_page_and_counts_nothing(share: Callable[..., str], client: Client) -> None:
    path = share(max_downloads=1)

    for _ in range(3):
        page = client.get(path, headers=PAGE)
        assert page.status_code == 200
        assert b"alice" in page.content
        assert b"secret-name.pdf" in page.content
        assert page["X-Robots-Tag"].startswith("noindex")
        assert page["Referrer-Policy"] == "no-referrer"
    assert Link.objects.get().downloads == 0
    assert client.get(f"{path}?download", headers=PAGE).getvalue() == b"a payslip"
    assert client.get(path, headers=PAGE).status_code == 410


def test_head_counts_nothing(share: Callable[..., str], client: Client) -> None:
    path = share(max_downloads=1)

    assert client.head(path)["Content-Length"] == "9"
    assert client.get(path).status_code == 200
    assert client.get(path).status_code == 410
    assert client.head(path).status_code == 410


def test_a_counted_link_gives_the_whole_and_no_ranges(share: Callable[..., str], client: Client) -> None:
    path = share(max_downloads=2)

    response = client.get(path, headers={"Range": "bytes=0-0"})
    assert (response.status_code, response.getvalue()) == (200, b"a payslip")
    assert response["Accept-Ranges"] == "none"
    assert client.get(share(), headers={"Range": "bytes=0-0"}).status_code == 206


def test_a_password_hides_the_name_until_it_is_right(share: Callable[..., str], client: Client) -> None:
    path = share(password="open sesame")

    page = client.get(path, headers=PAGE)
    assert page.status_code == 200
    assert b"secret" not in page.content.lower()
    assert client.get(path).status_code == 401
    assert client.get(f"{path}?download", headers=PAGE).status_code == 401
    wrong = client.post(path, {"password": "open says me"}, headers=PAGE)
    assert wrong.status_code == 403
    assert b"not the password" in wrong.content
    assert b"secret" not in wrong.content.lower()
    right = client.post(path, {"password": "open sesame"}, headers=PAGE)
    assert right.getvalue() == b"a payslip"


def test_head_needs_the_password_as_well(share: Callable[..., str], client: Client) -> None:
    assert client.head(share(password="open sesame")).status_code == 401


def test_a_locked_link_says_when_to_come_back(share: Callable[..., str], client: Client) -> None:
    path = share(password="open sesame")
    for _ in range(6):
        answer = client.post(path, {"password": "wrong guess"})

    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"


def ended(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


def test_every_end_of_a_link_looks_alike(share: Callable[..., str], client: Client) -> None:
    expired, revoked, deleted = share(), share(), share(max_downloads=1)
    links = list(Link.objects.order_by("created_at"))
    Link.objects.filter(pk=links[0].pk).update(expires_at=database_now())
    Link.objects.filter(pk=links[1].pk).update(revoked_at=database_now())
    Link.objects.filter(pk=links[2].pk).update(document=None)

    for path in (expired, revoked, deleted):
        assert ended(client.get(path)) == (410, "urn:document-vault:link-gone")
        page = client.get(path, headers=PAGE)
        assert page.status_code == 410
        assert b"secret" not in page.content.lower()
    assert client.get("/l/unknown").status_code == 404
    assert client.get("/l/unknown", headers=PAGE).status_code == 404


def test_a_link_shows_the_current_version_or_the_bound_one(
    share: Callable[..., str], client: Client, document: Document
) -> None:
    path = share()
    Link.objects.update(attachment=document.current_attachment())

    assert client.get(path).getvalue() == b"a payslip"


def test_making_a_link_shows_its_url_once(
    document: Document, alice: User, client_of: Callable[[User | None], Client]
) -> None:
    browser = client_of(alice)
    browser.get("/upload/")
    form = {"expires_in": "3600", "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}

    made = browser.post(f"/documents/{document.pk}/links", form)

    assert made.status_code == 201
    url = next(word for word in made.content.decode().replace('"', " ").split() if "/l/" in word)
    assert Client().get(url.removeprefix("http://testserver")).getvalue() == b"a payslip"
    assert url not in browser.get(f"/documents/{document.pk}/").content.decode()
    assert url not in browser.get("/links/").content.decode()


@pytest.mark.parametrize(
    "field", [{"expires_in": "1"}, {"password": "short"}, {"max_downloads": "0"}, {"expires_in": "x"}]
)
def test_a_link_form_with_a_mistake_comes_back_with_it(
    document: Document, alice: User, client_of: Callable[[User | None], Client], field: dict[str, str]
) -> None:
    browser = client_of(alice)
    browser.get("/upload/")
    form = {"expires_in": "3600", **field, "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}

    assert browser.post(f"/documents/{document.pk}/links", form).status_code == 422
    assert not Link.objects.exists()


def test_the_form_offers_what_the_configuration_allows(settings: Settings) -> None:
    hour = timedelta(hours=1)
    settings.VAULT = replace(settings.VAULT, link_lifetime=hour * 1.5, link_max_lifetime=hour * 24)

    assert lifetimes() == [(3600, "1 hour"), (5400, "90 minutes"), (86400, "24 hours")]
    assert LinkForm()["expires_in"].initial == 5400


def test_a_lifetime_that_is_too_long_is_refused_in_words(
    store: Callable[..., Document], alice: User, as_alice: Actor
) -> None:
    with pytest.raises(LinkRejected, match=r"between 1 second and 30 days, not 31 days\."):
        create_link(store(), creator=alice, actor=as_alice, expires_in=timedelta(days=31))


def test_the_page_of_a_locked_link_says_when_to_come_back(
    store: Callable[..., Document], alice: User, as_alice: Actor
) -> None:
    made = create_link(store(), creator=alice, actor=as_alice, password="open sesame")
    for _ in range(6):
        answer = Client().post(f"/l/{made.token}", {"password": "wrong wrong"}, headers={"Accept": "text/html"})

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 900
