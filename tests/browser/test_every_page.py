"""Every page, in both themes and on a phone: accessible by axe's rules, nothing wider than the screen.

That no page breaks its Content-Security-Policy or logs an error, ``visit`` asserts for all of them.
"""

from collections.abc import Callable
from typing import Literal

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no type hints
from playwright.sync_api import Page, expect

from tests.browser.prepare import PASSWORD
from tests.browser.steps import add_document, make_link, upload

Visit = Callable[..., Page]
LOOKS: list[tuple[Literal["light", "dark"], int]] = [("light", 1180), ("dark", 1180), ("light", 360)]
# Without it a colour would be measured half-way between two themes.
STILL = {"reduced_motion": "reduce"}
OUTSIDE = ("/accounts/login/", "/accounts/password/reset/", "/l/no-such-token", "/api/v1/docs")
MINE = ("/", "/?q=nothing-has-this-title", "/upload/", "/links/", "/no/such/page", "/accounts/logout/")
ACCOUNT = (
    *("/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/add/"),
    *("/accounts/password/change/", "/accounts/email/", "/accounts/reauthenticate/"),
)


def test_pages_before_sign_in(visit: Visit) -> None:
    _all_accessible(visit(None, **STILL), OUTSIDE)


def test_pages_of_documents(visit: Visit) -> None:
    page = visit(**STILL)
    document = add_document(page, "Annual report.pdf")
    upload(page, {"waiting.txt": b"w"})
    _all_accessible(page, (*MINE, document, f"{document}delete"))
    open_link, locked_link = make_link(page, document), make_link(page, document, password="long enough")
    _assert_accessible(page)
    _all_accessible(page, (open_link, locked_link))


def test_pages_of_the_account(visit: Visit) -> None:
    page = visit("bob", **STILL)
    page.goto("/accounts/reauthenticate/?next=/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    _all_accessible(page, (*ACCOUNT, "/"))


def test_axe_finds_what_is_wrong(visit: Visit) -> None:
    page = visit(None)
    page.goto("/accounts/login/")
    page.evaluate("document.querySelector('label[for=id_login]').remove(); id_login.placeholder = ''")
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == ["label"]


def test_the_admin_keeps_to_the_policy(visit: Visit) -> None:
    page = visit("dora")
    for path in ("/admin/", "/admin/auth/user/", "/admin/auth/user/add/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path


def test_the_chosen_theme_is_kept(visit: Visit) -> None:
    page = visit(color_scheme="light")
    page.goto("/")
    page.get_by_role("button", name="Light or dark").click()
    page.goto("/links/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def _all_accessible(page: Page, paths: tuple[str, ...]) -> None:
    for path in paths:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status < 500, path
        _assert_accessible(page)


def _assert_accessible(page: Page) -> None:
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 760})
        found = [
            (page.url, scheme, width, violation["id"], node["html"])
            for violation in Axe().run(page).response["violations"]
            for node in violation["nodes"]
        ]
        assert found == []
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide == 0, (page.url, width)
