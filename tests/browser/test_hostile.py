"""Hostile names show harmlessly, and uploaded content never runs in our origin."""

from collections.abc import Callable
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.steps import add_document, make_link

Visit = Callable[..., Page]

# Right-to-left override, quotes, a tag that runs, an image that fails, a header of its own.
HOSTILE = "\u202egpj.exe\u202c\"'><script>window.ran = 1<img src=x onerror='window.ran = 2'>\r\nSet-Cookie: a=b"
INJECTED = "[window.ran, document.querySelectorAll('main script, img[onerror]').length]"
RUN = "new Image().src = '/static/documents/logo.svg?ran'; globalThis.ran = 1"
HTML = f'<!doctype html><script>{RUN}</script><img src=x onerror="{RUN}">'.encode()
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script></svg>'.encode()
SCRIPT = RUN.encode()
ACTIVE = {
    "page.html": ("text/html", HTML),
    "page.xhtml": ("application/xhtml+xml", HTML),
    "image.svg": ("image/svg+xml", SVG),
    "code.js": ("text/javascript", SCRIPT),
    "old.js": ("application/x-javascript", SCRIPT),
}

# Adds elements that load the URL, as injected tags would, and settles once each loaded, failed or had its time.
EMBED = """([url, kinds]) => Promise.all(kinds.map(([tag, attribute]) => new Promise((done) => {
  const element = document.createElement(tag);
  element.onload = element.onerror = () => setTimeout(done, 50);
  setTimeout(done, 600);
  element[attribute] = url;
  document.body.append(element);
})))"""
EMBEDDINGS = [("script", "src"), ("iframe", "src"), ("img", "src"), ("object", "data"), ("embed", "src")]


def test_a_hostile_name_and_title_are_plain_text_on_every_page(visit: Visit) -> None:
    page, stranger = visit(), visit(None)
    document = add_document(page, f"{HOSTILE}.pdf", title=HOSTILE)
    link = make_link(page, document)
    for who, path in ((page, document), (page, "/"), (page, "/links/"), (page, f"{document}delete"), (stranger, link)):
        who.goto(path)
        expect(who.locator("body")).to_contain_text("gpj.exe")
        assert "\u202e" not in who.content(), path
        assert who.evaluate(INJECTED) == [None, 0], path


def test_a_hostile_search_is_plain_text(visit: Visit) -> None:
    page = visit()
    page.goto(f"/?q={quote(HOSTILE)}")
    expect(page.locator("#results")).to_contain_text("<script>window.ran = 1")
    assert page.evaluate(INJECTED) == [None, 0]


@pytest.mark.parametrize("name", ACTIVE)
def test_uploaded_content_never_runs(visit: Visit, watched: Callable[[Page], list[str]], name: str) -> None:
    page = visit(complaints_expected=True)
    content_type, data = ACTIVE[name]
    document = add_document(page, name, data, content_type)
    link = make_link(page, document)
    ran = watched(page)
    for url in (f"{urlsplit(document).path}content", f"{urlsplit(link).path}?download"):
        with pytest.raises(Error, match="Download is starting"):
            page.goto(url)
        page.goto("/links/")
        page.evaluate(EMBED, [url, EMBEDDINGS])
        assert page.evaluate("window.ran") is None, url
    assert ran == []


def test_what_would_run_is_noticed(visit: Visit, watched: Callable[[Page], list[str]]) -> None:
    page = visit()
    page.goto("/links/")
    ran = watched(page)
    page.route("**/allowed.js", lambda route: route.fulfill(body=RUN, content_type="text/javascript"))
    page.evaluate(EMBED, ["/allowed.js", EMBEDDINGS[:1]])
    assert page.evaluate("window.ran") == 1
    assert len(ran) == 1


@pytest.fixture
def watched() -> Callable[[Page], list[str]]:
    """The addresses that content asks for where it does run, in whatever frame."""

    def watch(page: Page) -> list[str]:
        asked: list[str] = []
        page.context.on("request", lambda request: asked.append(request.url) if "?ran" in request.url else None)
        return asked

    return watch
