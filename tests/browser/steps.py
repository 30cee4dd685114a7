"""What people do on the vault's pages, as the tests say it."""

from collections.abc import Mapping

from playwright.sync_api import FilePayload, Locator, Page, expect

# A name to its bytes, or to its type and bytes.
Files = Mapping[str, bytes | tuple[str, bytes]]


def choose(page: Page, files: Files) -> None:
    page.locator("input[type=file]").set_input_files([_payload(name, content) for name, content in files.items()])


def upload(page: Page, files: Files) -> None:
    """Upload by the button, and wait until every file is staged and listed."""
    page.goto("/upload/")
    rows = page.locator("#staged li")
    before = rows.count()
    choose(page, files)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(rows).to_have_count(before + len(files))
    expect(page.locator("#uploads li")).to_have_count(0)


def add_document(
    page: Page, name: str, content: bytes = b"%PDF", content_type: str = "application/pdf", title: str = ""
) -> str:
    """Upload and confirm one document; returns the address of its page."""
    upload(page, {name: (content_type, content)})
    row = page.locator("#staged li").first
    if title:
        row.get_by_role("textbox").fill(title)
    return confirmed(page, row)


def confirmed(page: Page, row: Locator) -> str:
    """Confirm what a row of the staged list holds, and go to the document; returns the address of its page."""
    row.get_by_role("button", name="Confirm").click()
    page.locator("#messages a").click()
    page.wait_for_url("**/documents/*/")
    return page.url


def make_link(page: Page, document: str, *, password: str = "", downloads: str = "") -> str:
    """Make a link on the document's page; returns its address."""
    page.goto(document)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Downloads").fill(downloads)
    page.get_by_role("button", name="Make link").click()
    return page.locator("#new-link").input_value()


def edit_attributes(page: Page, document: str, attributes: Mapping[str, str]) -> None:
    """Type attributes into the first rows of the document's form, and save."""
    page.goto(f"{document}edit")
    for row, (name, value) in enumerate(attributes.items()):
        page.get_by_label("Name").nth(row).fill(name)
        page.get_by_label("Value").nth(row).fill(value)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#messages")).to_contain_text("Your changes were saved")


def downloaded(page: Page, button: Locator) -> bytes:
    """Press what starts a download; returns its bytes."""
    with page.expect_download() as started:
        button.click()
    return started.value.path().read_bytes()


def _payload(name: str, content: bytes | tuple[str, bytes]) -> FilePayload:
    content_type, data = content if isinstance(content, tuple) else ("application/pdf", content)
    return {"name": name, "mimeType": content_type, "buffer": data}
