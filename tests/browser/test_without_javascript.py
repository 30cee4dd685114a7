"""The whole way of a document without a line of JavaScript: upload, confirm, download, share, revoke, delete."""

import hashlib
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.steps import choose, confirmed, downloaded, edit_attributes, make_link

Visit = Callable[..., Page]
CONTENT = bytes(range(256)) * 3000


def _document(page: Page) -> str:
    page.goto("/upload/")
    choose(page, {"plain.bin": ("application/octet-stream", CONTENT)})
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("1 uploaded and sealed")
    row = page.locator("#staged li").first
    row.get_by_role("textbox").fill("A plain document")
    document = confirmed(page, row)
    expect(page.get_by_role("heading", name="A plain document")).to_be_visible()
    return document


def test_confirming_one_of_several_keeps_the_titles_typed_for_the_others(visit: Visit) -> None:
    page = visit("bob", java_script_enabled=False)
    page.goto("/upload/")
    choose(page, {"one.txt": b"1", "two.txt": b"2"})
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_label("Title of one.txt").fill("The first")
    page.get_by_label("Title of two.txt").fill("The second")
    page.get_by_role("button", name="Confirm two.txt").click()
    expect(page.locator("#messages")).to_contain_text("The second is in the vault")
    expect(page.get_by_label("Title of one.txt")).to_have_value("The first")


def test_a_document_comes_back_byte_for_byte(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    _document(page)
    expect(page.get_by_text(hashlib.sha256(CONTENT).hexdigest())).to_be_visible()
    assert downloaded(page, page.get_by_role("link", name="Download", exact=True)) == CONTENT


def test_a_document_is_renamed_and_gets_attributes_row_by_row(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    document = _document(page)
    edit_attributes(page, document, {"Department": "Legal", "File number": "2026/17", "Remarks": "one\ntwo"})
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Title").fill("The lease")
    page.get_by_role("button", name="More rows").click()
    expect(page.get_by_label("Name")).to_have_count(6)
    expect(page.get_by_label("Title")).to_have_value("The lease")
    page.get_by_label("Name").nth(3).fill("Street")
    page.get_by_label("Value").nth(3).fill("Main Street 1")
    page.get_by_role("group", name="Attribute Department").get_by_label("Remove").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="The lease")).to_be_visible()
    shown = page.get_by_role("article", name="Attributes").locator("dt, dd")
    expect(shown).to_have_text(["File number", "2026/17", "Remarks", "one\ntwo", "Street", "Main Street 1"])


def test_a_value_without_a_name_is_refused_at_its_row_and_nothing_typed_is_lost(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.goto(f"{_document(page)}edit")
    page.get_by_label("Value").first.fill("of what?")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Name").first).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Give this value a name")).to_be_visible()
    expect(page.get_by_label("Value").first).to_have_value("of what?")


def test_a_link_with_a_password_opens_until_it_is_revoked(visit: Visit) -> None:
    page, stranger = visit(java_script_enabled=False), visit(None, java_script_enabled=False)
    document = _document(page)
    link = make_link(page, document, password="open sesame")
    stranger.goto(link)
    expect(stranger.locator("body")).not_to_contain_text("plain.bin")
    stranger.get_by_label("Password").fill("let me in")
    stranger.get_by_role("button", name="Download").click()
    expect(stranger.get_by_text("That is not the password of this link")).to_be_visible()
    stranger.get_by_label("Password").fill("open sesame")
    assert downloaded(stranger, stranger.get_by_role("button", name="Download")) == CONTENT
    page.goto(document)
    expect(page.get_by_text("Downloaded through a link")).to_be_visible()
    page.get_by_role("button", name="Revoke").first.click()
    expect(page.locator("#messages")).to_contain_text("The link has ended")
    answer = stranger.goto(link)
    assert answer is not None
    assert answer.status == 410
    expect(stranger.get_by_role("heading", name="This link has ended")).to_be_visible()


def test_a_one_time_link_gives_the_document_once(visit: Visit) -> None:
    page, stranger = visit(java_script_enabled=False), visit(None, java_script_enabled=False)
    stranger.goto(make_link(page, _document(page), downloads="1"))
    expect(stranger.get_by_role("heading", name="plain.bin")).to_be_visible()
    assert downloaded(stranger, stranger.get_by_role("button", name="Download")) == CONTENT
    stranger.get_by_role("button", name="Download").click()
    expect(stranger.get_by_role("heading", name="This link has ended")).to_be_visible()


def test_the_reason_for_a_refused_link_stands_at_its_field(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.goto(_document(page))
    page.get_by_label("Password").evaluate("field => field.removeAttribute('minlength')")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Make link").click()
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#id_password_error")).to_contain_text("at least 8 characters")


def test_a_deleted_document_is_gone_from_the_list_and_its_address(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    document = _document(page)
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("#messages")).to_contain_text("was deleted")
    answer = page.goto(document)
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_another_persons_document_is_not_found(visit: Visit) -> None:
    document = _document(visit(java_script_enabled=False))
    answer = visit("bob").goto(document)
    assert answer is not None
    assert answer.status == 404
