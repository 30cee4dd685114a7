"""Uploading with JavaScript: progress, drag and drop, refusals, the keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.site import MAX_UPLOAD_SIZE
from tests.browser.steps import add_document, choose, downloaded, upload

Visit = Callable[..., Page]

DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, {type: "text/plain"}));
  const zone = document.querySelector(".drop");
  for (const kind of ["dragenter", "dragover", "drop"])
    zone.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def test_two_files_by_the_button_show_progress_and_become_documents(visit: Visit) -> None:
    page = visit()
    upload(page, {"lease.pdf": b"%PDF lease" * 1000, "plan.png": ("image/png", b"\x89PNG plan" * 1000)})
    expect(page.locator("#upload-status")).to_contain_text("was uploaded and waits to be confirmed")
    page.get_by_label("Title of lease.pdf").fill("Lease of the office")
    page.get_by_role("button", name="Confirm all").click()
    expect(page.locator("#messages")).to_contain_text("documents are in the vault")
    expect(page.get_by_role("link", name="Lease of the office")).to_be_visible()
    page.get_by_role("link", name="plan", exact=True).click()
    assert downloaded(page, page.get_by_role("link", name="Download", exact=True)) == b"\x89PNG plan" * 1000


def test_progress_is_shown_in_percent_while_it_runs(visit: Visit) -> None:
    page = visit()
    page.goto("/upload/")
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2_000_000}
    session.send("Network.emulateNetworkConditions", slow)
    choose(page, {"slow.bin": ("application/octet-stream", b"0" * 4_000_000)})
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#uploads .state")).to_contain_text("% of 3.8 MB")
    page.get_by_role("button", name="Cancel slow.bin").click()
    expect(page.locator("#uploads li")).to_have_count(0)
    expect(page.locator("#upload-status")).to_contain_text("cancelled")
    page.reload()
    expect(page.locator("#staged")).not_to_contain_text("slow.bin")


def test_a_dropped_file_is_uploaded(visit: Visit) -> None:
    page = visit()
    page.goto("/upload/")
    page.evaluate(DROP, ["dropped.txt", "let fall"])
    expect(page.locator("#staged")).to_contain_text("dropped.txt")


def test_a_title_being_typed_survives_the_next_upload(visit: Visit) -> None:
    page = visit()
    upload(page, {"first.txt": b"1"})
    page.get_by_label("Title of first.txt").fill("Half a tit")
    page.evaluate(DROP, ["second.txt", "2"])
    expect(page.get_by_label("Title of second.txt")).to_be_visible()
    expect(page.get_by_label("Title of first.txt")).to_have_value("Half a tit")


def test_a_file_over_the_limit_is_refused_before_it_is_sent(visit: Visit) -> None:
    page = visit()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto("/upload/")
    choose(page, {"huge.mov": ("video/quicktime", b"0" * (MAX_UPLOAD_SIZE + 1))})
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#uploads li.failed .state")).to_contain_text("more than the limit of 4.8 MB")
    assert sent == []


def test_a_file_of_a_type_that_is_not_allowed_is_refused_before_it_is_sent(visit: Visit) -> None:
    page = visit()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto("/upload/")
    page.evaluate("Object.assign(upload.dataset, {types: 'application/pdf image/*', typesText: 'PDF or images'})")
    choose(page, {"film.mov": ("video/quicktime", b"0")})
    page.get_by_role("button", name="Upload", exact=True).click()
    refused = page.locator("#uploads li.failed .state")
    expect(refused).to_have_text("video/quicktime cannot be stored here: allowed are PDF or images. It was not sent.")
    expect(page.get_by_role("button", name="Try again film.mov")).to_be_hidden()
    assert sent == []
    choose(page, {"photo.jpg": ("image/jpeg", b"0"), "unknown": ("", b"0")})
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#staged")).to_contain_text("photo.jpg")
    expect(page.locator("#staged")).to_contain_text("unknown")


@pytest.mark.parametrize(("status", "again"), [(413, False), (415, False), (422, False), (400, True), (503, True)])
def test_trying_again_is_offered_only_where_it_can_help(visit: Visit, status: int, again: bool) -> None:
    page = visit()
    problem = f'{{"status": {status}, "detail": "Not this one."}}'
    answer = {"status": status, "content_type": "application/problem+json", "body": problem}
    page.route("**/upload/raw", lambda route: route.fulfill(**answer))
    page.goto("/upload/")
    choose(page, {"refused.txt": b"no"})
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#uploads li.failed .state")).to_have_text("Not this one.")
    expect(page.get_by_role("button", name="Try again refused.txt")).to_be_visible(visible=again)
    expect(page.get_by_role("button", name="Dismiss refused.txt")).to_be_visible()


def test_a_refusal_is_shown_in_the_servers_words_and_can_be_tried_again(visit: Visit) -> None:
    page = visit()
    problem = '{"status": 503, "detail": "The document store does not answer at the moment."}'

    def refuse_once(route: Route) -> None:
        route.fulfill(status=503, content_type="application/problem+json", body=problem)
        page.unroute("**/upload/raw")

    page.route("**/upload/raw", refuse_once)
    page.goto("/upload/")
    choose(page, {"again.txt": b"once more"})
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#uploads li.failed .state")).to_have_text("The document store does not answer at the moment.")
    page.get_by_role("button", name="Try again again.txt").click()
    expect(page.locator("#staged")).to_contain_text("again.txt")


def test_the_keyboard_alone_reaches_the_files_and_the_button(visit: Visit) -> None:
    page = visit()
    page.goto("/upload/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("input[type=file]")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space", delay=100)  # as long as a finger needs: a shorter one is lost at times
    chooser.value.set_files(FilePayload(name="by-keyboard.txt", mimeType="text/plain", buffer=b"typed"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#staged")).to_contain_text("by-keyboard.txt")


def test_the_search_narrows_the_list_while_one_types(visit: Visit) -> None:
    page = visit()
    upload(page, {"Needle of hay.txt": b"n", "Straw.txt": b"s"})
    page.get_by_role("button", name="Confirm all").click()
    page.goto("/")
    expect(page.get_by_role("link", name="Straw")).to_have_count(1)
    page.get_by_role("searchbox").press_sequentially("needle")
    expect(page.get_by_role("link", name="Straw")).to_have_count(0)
    expect(page.get_by_role("link", name="Needle of hay")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()


@pytest.mark.parametrize("fault", ["signed out", "500", "offline"])
def test_a_search_that_fails_keeps_the_list_and_says_so(visit: Visit, fault: str) -> None:
    page = visit(complaints_expected=True)
    add_document(page, "Kept in view.txt", b"k", "text/plain")
    page.goto("/")
    if fault == "signed out":
        page.context.clear_cookies()
    elif fault == "500":
        page.route("**/?q=*", lambda route: route.fulfill(status=500, content_type="text/html", body="<h1>No</h1>"))
    else:
        page.route("**/?q=*", lambda route: route.abort())
    page.get_by_role("searchbox").press_sequentially("x")
    expect(page.locator("#messages")).to_contain_text("could not be refreshed")
    expect(page.get_by_role("link", name="Kept in view").first).to_be_visible()
