"""HCP's protocols in the admin: for superusers alone, only where HCP is configured, and audited by name."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf import HcpConfig
from documents.models import AuditEvent
from tests.conftest import PASSWORD as OWN_PASSWORD
from tests.storage.fake_hcp import NAMESPACE, PASSWORD, TENANT, USER, FakeHcp, fake_hcp
from tests.storage.fake_hcp_messages import Answer

Browse = Callable[[User | None], Client]
PAGES = ("/admin/hcp/", "/admin/hcp/http/")


@pytest.fixture(scope="module")
def running_hcp() -> Iterator[FakeHcp]:
    with fake_hcp() as hcp:
        yield hcp


@pytest.fixture
def hcp(running_hcp: FakeHcp, settings: Settings) -> Iterator[FakeHcp]:
    """A vault that is configured for HCP."""
    running_hcp.reset()
    settings.VAULT = replace(settings.VAULT, hcp=HcpConfig(running_hcp.url, TENANT, NAMESPACE, USER, PASSWORD))
    yield running_hcp
    wiring.hcp_management().close()
    wiring.reset()


def shown_form(page: str) -> dict[str, str]:
    """What a browser would send of a page's form if nothing were changed."""
    data = {}
    for tag in re.findall(r"<input[^>]*>", page):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        is_box = attributes.get("type") == "checkbox"
        if "name" in attributes and (not is_box or " checked" in tag):
            data[attributes["name"]] = unescape(attributes.get("value", "on" if is_box else ""))
    for name, text in re.findall(r'<textarea name="(\w+)"[^>]*>\n?([^<]*)</textarea>', page):
        data[name] = unescape(text)
    for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        data[name] = unescape(re.findall(r'value="([^"]*)" selected', options)[0])
    return data


def submit(browser: Client, page: str, **changed: str | None) -> tuple[int, str]:
    data = shown_form(browser.get(page).content.decode())
    for name, value in changed.items():
        data.pop(name, None)
        if value is not None:
            data[name] = value
    answer = browser.post(page, data)
    return answer.status_code, unescape(answer.content.decode())


def test_superusers_see_every_protocol_and_its_addresses(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    hcp.management.settings["cifs"]["ipSettings"]["denyAddresses"]["ipAddress"] = ["192.0.2.0/24", "<b>x</b>"]

    page = client_of(sam).get("/admin/hcp/").content.decode()

    for text in (NAMESPACE, TENANT, "hs3Enabled", "caseForcing", "DISABLED", "emailLocation", "uid", "192.0.2.0/24"):
        assert text in page
    assert "<b>x</b>" not in page
    assert "webdavBasicAuthPassword" not in page
    assert PASSWORD not in page
    assert "/admin/hcp/" in client_of(sam).get("/admin/").content.decode(), "the index leads there"


def test_a_setting_is_changed_by_the_form_and_audited_by_name(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    status, _ = submit(client_of(sam), "/admin/hcp/http/", hs3Enabled="on", webdavBasicAuthPassword="dav-canary")

    assert status == 302
    assert hcp.management.settings["http"]["hs3Enabled"] is True
    assert hcp.management.settings["http"]["webdavBasicAuthPassword"] == "dav-canary"
    begun, done = AuditEvent.objects.filter(action__startswith="hcp.").order_by("pk")
    assert (begun.action, done.action) == ("hcp.protocol-change-begun", "hcp.protocol-changed")
    assert (done.actor, done.via) == (sam, "admin")
    assert done.detail == {
        "tenant": TENANT,
        "namespace": NAMESPACE,
        "protocol": "http",
        "fields": "hs3Enabled, webdavBasicAuthPassword",
    }
    assert "canary" not in str(done.detail)


def test_only_what_somebody_changed_is_sent(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    browser = client_of(sam)
    data = shown_form(browser.get("/admin/hcp/http/").content.decode())
    hcp.management.settings["http"]["restEnabled"] = False  # somebody else, in HCP's own console

    assert browser.post("/admin/hcp/http/", {**data, "webdavEnabled": "on"}).status_code == 302

    posted = [request.body for request in hcp.seen if request.method == "POST"]
    assert posted == [b'{"webdavEnabled": true}']
    assert hcp.management.settings["http"]["restEnabled"] is False


def test_a_form_that_changes_nothing_sends_and_audits_nothing(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    for protocol in ("http", "nfs", "cifs", "smtp"):
        assert submit(client_of(sam), f"/admin/hcp/{protocol}/")[0] == 302
    assert [request.method for request in hcp.seen if request.method != "GET"] == []
    assert not AuditEvent.objects.filter(action__startswith="hcp.").exists()


def test_lists_numbers_and_choices_are_changed(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    browser = client_of(sam)
    assert submit(browser, "/admin/hcp/nfs/", allowAddresses="192.0.2.7\r\n\r\n 198.51.100.0/24 ", uid="7")[0] == 302
    assert submit(browser, "/admin/hcp/cifs/", caseForcing="UPPER", allowAddresses="")[0] == 302
    assert submit(browser, "/admin/hcp/http/", httpsEnabled=None)[0] == 302

    nfs, cifs = hcp.management.settings["nfs"], hcp.management.settings["cifs"]
    assert (nfs["uid"], nfs["ipSettings"]["allowAddresses"]["ipAddress"]) == (7, ["192.0.2.7", "198.51.100.0/24"])
    assert (cifs["caseForcing"], cifs["ipSettings"]["allowAddresses"]["ipAddress"]) == ("UPPER", [])
    assert hcp.management.settings["http"]["httpsEnabled"] is False


@pytest.mark.parametrize(
    ("protocol", "changed", "told"),
    [
        ("http", {"allowAddresses": "192.0.2.0/24\nexample.com"}, "'example.com' is no IP address"),
        ("nfs", {"uid": "-1"}, "greater than or equal to 0"),
        ("cifs", {"caseForcing": "upper"}, "Select a valid choice"),
        ("smtp", {"emailLocation": "email"}, "a slash at both ends"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(
    hcp: FakeHcp, sam: User, client_of: Browse, protocol: str, changed: dict[str, str], told: str
) -> None:
    status, page = submit(client_of(sam), f"/admin/hcp/{protocol}/", **changed)
    assert (status, told in page) == (200, True)
    [typed] = changed.values()
    assert typed.splitlines()[-1] in page
    assert [request for request in hcp.seen if request.method != "GET"] == []


def test_a_refusal_of_hcps_is_told_to_the_superuser(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    hcp.management.has_acls = False

    status, page = submit(client_of(sam), "/admin/hcp/http/", hs3Enabled="on")

    assert status == 200
    assert "only where the namespace has ACLs" in page
    assert 'name="hs3Enabled" id="id_hs3Enabled" checked' in page
    assert [event.action for event in AuditEvent.objects.filter(action__startswith="hcp.")] == [
        "hcp.protocol-change-begun"
    ]


def test_an_hcp_that_does_not_answer_is_told_on_the_page(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    hcp.answer_with = lambda _request: Answer(503)
    for page in PAGES:
        hcp.seen.clear()
        answer = client_of(sam).get(page)
        assert (answer.status_code, "HCP answered 503" in answer.content.decode()) == (200, True)
        assert len(hcp.seen) == 1, "it is asked once"


def test_nobody_but_superusers_sees_or_changes_anything(hcp: FakeHcp, alice: User, client_of: Browse, db: None) -> None:
    clerk = User.objects.create_user("clerk", "clerk@example.org", OWN_PASSWORD, is_staff=True)
    clerk.user_permissions.set(Permission.objects.all())
    for user, expected in ((clerk, 403), (alice, 302), (None, 302)):
        browser = client_of(user)
        browser.get("/admin/login/")
        token = browser.cookies["csrftoken"].value if "csrftoken" in browser.cookies else ""
        for page in PAGES:
            assert browser.get(page).status_code == expected
            assert browser.post(page, {}, headers={"X-CSRFToken": token}).status_code in (expected, 403)
    assert "/admin/hcp/" not in client_of(clerk).get("/admin/").content.decode()
    assert hcp.seen == []


def test_a_change_needs_the_token_of_its_form(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    browser = client_of(sam)
    data = shown_form(browser.get("/admin/hcp/http/").content.decode())
    del data["csrfmiddlewaretoken"]

    assert browser.post("/admin/hcp/http/", {**data, "hs3Enabled": "on"}).status_code == 403
    assert hcp.management.settings["http"]["hs3Enabled"] is False


def test_without_hcp_there_are_no_such_pages(sam: User, client_of: Browse) -> None:
    for page in PAGES:
        assert client_of(sam).get(page).status_code == 404
    assert "/admin/hcp/" not in client_of(sam).get("/admin/").content.decode()


def test_other_protocols_are_not_found(hcp: FakeHcp, sam: User, client_of: Browse) -> None:
    assert client_of(sam).get("/admin/hcp/ftp/").status_code == 404
    assert client_of(sam).post("/admin/hcp/", {}).status_code in (403, 405)
