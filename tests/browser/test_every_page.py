"""Every page, in both themes and on a phone: accessible by axe's rules, nothing wider than the screen.

That no page breaks its Content-Security-Policy or logs an error, ``visit`` asserts for all of them.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, Response, expect

from tests.browser.accessibility import COLOURS_ALONE, assert_accessible, violations
from tests.browser.prepare import PASSWORD
from tests.browser.site import DATABASE, STORAGE
from tests.browser.steps import add_document, edit_attributes, make_link, upload

Visit = Callable[..., Page]
# Without it a colour would be measured half-way between two themes.
STILL = {"reduced_motion": "reduce"}
# How often a password may be changed in a minute, by allauth's own limit for one person.
MOST_CHANGES = 5


class Expected(NamedTuple):
    """What an address leads to: its only h1 tells the page, wherever redirects went."""

    path: str
    heading: str
    status: int = 200


OUTSIDE = (
    Expected("/accounts/login/", "Sign in"),
    Expected("/accounts/signup/", "Sign Up Closed"),
    Expected("/accounts/password/reset/", "Forgot your password?"),
    Expected("/accounts/password/reset/done/", "Forgot your password?"),
    Expected("/l/no-such-token", "There is no such link", 404),
    Expected("/api/v1/docs", "API"),
    Expected("/no/such/page", "There is no such page", 404),
    Expected("/upload/", "Sign in"),
)
MINE = (
    Expected("/", "Documents"),
    Expected("/?q=nothing-has-this-title", "Documents"),
    Expected("/?cursor=none-of-ours", "That was not done", 400),
    Expected("/upload/", "Upload documents"),
    Expected("/links/", "Links"),
    Expected("/no/such/page", "There is no such page", 404),
    Expected("/admin/", "You may not do that", 403),
    Expected("/accounts/logout/", "Sign out?"),
)
ACCOUNT = (
    Expected("/accounts/email/", "Email addresses"),
    Expected("/accounts/2fa/", "Two-Factor Authentication"),
    Expected("/accounts/2fa/totp/activate/", "Activate Authenticator App"),
    Expected("/accounts/2fa/recovery-codes/generate/", "Recovery Codes"),
    Expected("/accounts/2fa/webauthn/", "Security keys and passkeys"),
    Expected("/accounts/2fa/webauthn/add/", "Add Security Key"),
    Expected("/accounts/password/change/", "Change Password"),
    Expected("/accounts/reauthenticate/", "Confirm Access"),
    Expected("/", "Documents"),
)
# Lists of the admin, each opened with its first row.
ADMIN = (
    (Expected("/admin/documents/document/", "Select document to view"), "View document"),
    (Expected("/admin/documents/attachment/", "Select attachment to view"), "View attachment"),
    (Expected("/admin/documents/stagedattachment/", "Select staged attachment to view"), "View staged attachment"),
    (Expected("/admin/documents/auditevent/", "Select audit event to view"), "View audit event"),
    (Expected("/admin/auth/user/", "Select user to change"), "Change user"),
)


def test_pages_before_sign_in(visit: Visit) -> None:
    _all_accessible(visit(None, **STILL), OUTSIDE)


def test_pages_of_documents(visit: Visit) -> None:
    page = visit(**STILL)
    document = add_document(page, "Annual report.pdf")
    upload(page, {"waiting.txt": b"w"})
    delete = Expected(f"{document}delete", "Delete this document?")
    edit = Expected(f"{document}edit", "Edit this document")
    edit_attributes(page, document, {"Department": "Legal", "A long story": "word " * 500})
    _all_accessible(page, (*MINE, Expected(document, "Annual report"), delete, edit))
    open_link, locked_link = make_link(page, document), make_link(page, document, password="long enough")
    assert_accessible(page)
    links = (Expected(open_link, "Annual report.pdf"), Expected(locked_link, "A document with a password"))
    _all_accessible(page, links)


def test_pages_of_the_account(visit: Visit) -> None:
    page = visit("bob", **STILL)
    page.goto("/accounts/reauthenticate/?next=/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    _all_accessible(page, ACCOUNT)


def test_the_page_of_a_form_that_is_too_old(visit: Visit) -> None:
    page = visit(None, **STILL)
    page.goto("/accounts/login/")
    page.context.clear_cookies(name="csrftoken")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    answer = _answer_to(page, "Sign in")
    _assert_is(page, answer, Expected("/accounts/login/", "This form is too old", 403))
    assert_accessible(page)


def test_the_page_of_too_many_attempts(visit: Visit) -> None:
    page = visit("frank", **STILL)
    page.goto("/accounts/password/change/")
    guess = {"oldpassword": "a guess", "password1": "of no consequence 1", "password2": "of no consequence 1"}
    token = {"csrfmiddlewaretoken": page.locator("[name=csrfmiddlewaretoken]").last.input_value()}
    for _ in range(MOST_CHANGES):
        assert page.request.post(page.url, form={**guess, **token}).status == 200
    answer = _answer_to_a_guess(page)
    _assert_is(page, answer, Expected("/accounts/password/change/", "Too many attempts", 429))
    assert_accessible(page)


def test_the_page_of_a_document_whose_object_is_lost(visit: Visit, site_directory: Path) -> None:
    page = visit(**STILL)
    before = _objects(site_directory)
    document = add_document(page, "Lost.pdf")
    (stored,) = _objects(site_directory) - before
    stored.unlink()
    _all_accessible(page, [Expected(f"{document}content", "The vault could not do that", 502)])


def test_the_page_of_a_fault_of_ours(visit: Visit, site_directory: Path) -> None:
    page = visit("frank", **STILL)
    with _unreadable_row(site_directory):
        _all_accessible(page, [Expected("/", "Something went wrong", 500)])


def test_pages_of_the_admin_have_colours_that_can_be_read(visit: Visit) -> None:
    page = visit("dora", **STILL)
    add_document(page, "For the admin.pdf")
    upload(page, {"waiting.txt": b"w"})
    _all_accessible(page, [Expected("/admin/", "Administration")], rules=COLOURS_ALONE)
    for rows, heading in ADMIN:
        _all_accessible(page, [rows], rules=COLOURS_ALONE)
        first = page.locator("#result_list tbody th a").first.get_attribute("href")
        assert first
        _all_accessible(page, [Expected(first, heading)], rules=COLOURS_ALONE)


def test_axe_finds_what_is_wrong(visit: Visit) -> None:
    page = visit(None)
    page.goto("/accounts/login/")
    page.evaluate("document.querySelector('label[for=id_login]').remove(); id_login.placeholder = ''")
    assert [rule for rule, _element in violations(page)] == ["label"]


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


@contextmanager
def _unreadable_row(site_directory: Path) -> Iterator[None]:
    """A document of Frank's with an id that is none, as long as the block: in the admin's list everybody has it."""
    with closing(sqlite3.connect(site_directory / DATABASE, timeout=20, isolation_level=None)) as database:
        database.execute(
            "INSERT INTO documents_document (id, title, attributes, created_at, updated_at, owner_id) "
            "SELECT 'no UUID', 'Broken', '{}', date_joined, date_joined, id FROM auth_user WHERE username = 'frank'"
        )
        try:
            yield
        finally:
            database.execute("DELETE FROM documents_document WHERE id = 'no UUID'")


def _objects(site_directory: Path) -> set[Path]:
    return {path for path in (site_directory / STORAGE).rglob("*.vlt") if path.is_file()}


def _answer_to_a_guess(page: Page) -> Response:
    """What comes of a change of password by somebody who does not know the old one."""
    page.goto("/accounts/password/change/")
    page.get_by_label("Current Password").fill("a guess")
    page.get_by_label("New Password", exact=True).fill("of no consequence 1")
    page.get_by_label("New Password (again)").fill("of no consequence 1")
    return _answer_to(page, "Change Password")


def _answer_to(page: Page, button: str) -> Response:
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name=button, exact=True).click()
    return navigation.value


def _all_accessible(page: Page, pages: Iterable[Expected], *, rules: Sequence[str] | None = None) -> None:
    for expected in pages:
        _assert_is(page, page.goto(expected.path), expected)
        assert_accessible(page, rules)


def _assert_is(page: Page, answer: Response | None, expected: Expected) -> None:
    assert answer is not None
    headings = page.get_by_role("heading", level=1).all_inner_texts()
    assert (expected.path, headings, answer.status) == (expected.path, [expected.heading], expected.status)
