"""Downloads over HTTP: ranges, preconditions, and headers that keep content from running."""

from collections.abc import Callable
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.models import Attachment, Document

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes, two chunks
SIZE = len(CONTENT)


@pytest.fixture
def document(store: Callable[..., Document]) -> Document:
    return store(CONTENT)


@pytest.fixture
def get(
    document: Document, alice: User, client_of: Callable[[User | None], Client]
) -> Callable[..., tuple[int, bytes, dict[str, str]]]:
    browser = client_of(alice)

    def ask(method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        response = browser.generic(method, f"/documents/{document.pk}/content", headers=names)
        body = response.getvalue() if response.streaming else response.content
        return response.status_code, body, dict(response.headers)

    return ask


def etag_of(document: Document) -> str:
    return f'"{document.current_attachment().digest}"'


def test_the_whole_document(get: Callable[..., tuple[int, bytes, dict[str, str]]], document: Document) -> None:
    status, body, headers = get()

    assert (status, body) == (200, CONTENT)
    assert headers["Content-Length"] == str(SIZE)
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["ETag"] == etag_of(document)


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        ("bytes=262143-262144", 262143, 262145),
        ("bytes=511999-", SIZE - 1, SIZE),
        ("bytes=100-99999999", 100, SIZE),
        ("bytes=-5", SIZE - 5, SIZE),
        ("bytes=-9999999", 0, SIZE),
    ],
)
def test_a_single_range(
    get: Callable[..., tuple[int, bytes, dict[str, str]]], header: str, start: int, stop: int
) -> None:
    status, body, headers = get(Range=header)

    assert (status, body) == (206, CONTENT[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert headers["Content-Length"] == str(stop - start)


@pytest.mark.parametrize("header", ["bytes=512000-", "bytes=600000-700000", "bytes=-0", f"bytes={10**18}-"])
def test_a_range_outside_is_416(get: Callable[..., tuple[int, bytes, dict[str, str]]], header: str) -> None:
    status, body, headers = get(Range=header)

    assert (status, body) == (416, b"")
    assert headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-2",
        "bytes=-",
        "bytes=",
        "items=0-5",
        "bytes=0-1,5-6",
        "bytes=a-b",
        "bytes=٣-٤",
        "bytes=0-1;",
        "bytes= 0-1x",
    ],
)
def test_a_range_that_is_none_of_ours_gives_the_whole(
    get: Callable[..., tuple[int, bytes, dict[str, str]]], header: str
) -> None:
    assert get(Range=header.encode().decode("latin-1"))[:2] == (200, CONTENT)


def test_if_range_gives_the_range_only_of_the_same_document(
    get: Callable[..., tuple[int, bytes, dict[str, str]]], document: Document
) -> None:
    assert get(Range="bytes=0-1", If_Range=etag_of(document))[0] == 206
    for other in ('"other"', f"W/{etag_of(document)}", "Sat, 21 Nov 2026 06:00:00 GMT"):
        assert get(Range="bytes=0-1", If_Range=other)[:2] == (200, CONTENT)


def test_if_none_match_saves_the_transfer(
    get: Callable[..., tuple[int, bytes, dict[str, str]]], document: Document
) -> None:
    for tags in (etag_of(document), f'"other", {etag_of(document)}', f"W/{etag_of(document)}", "*"):
        assert get(If_None_Match=tags)[:2] == (304, b"")
    assert get(If_None_Match='"other"')[0] == 200


def test_head_says_the_same_without_the_body(get: Callable[..., tuple[int, bytes, dict[str, str]]]) -> None:
    _, _, of_get = get()
    status, body, of_head = get("HEAD")

    assert (status, body) == (200, b"")
    # Expires and the like aside: what describes the document is equal.
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Content-Disposition"):
        assert of_head[name] == of_get[name]


def test_an_empty_document_comes_back_empty(
    store: Callable[..., Document], alice: User, client_of: Callable[[User | None], Client]
) -> None:
    path = f"/documents/{store(b'').pk}/content"

    response = client_of(alice).get(path)
    assert (response.status_code, response.getvalue()) == (200, b"")
    assert client_of(alice).get(path, headers={"Range": "bytes=0-0"}).status_code == 416


def test_nothing_that_is_uploaded_can_run_here(get: Callable[..., tuple[int, bytes, dict[str, str]]]) -> None:
    Attachment.objects.update(content_type="text/html", filename="x.html")

    for method in ("GET", "HEAD"):
        _, _, headers = get(method)
        assert headers["Content-Disposition"].startswith("attachment")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("sandbox;")
        assert headers["Cache-Control"] == "private, no-store"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x=1", "a\n", "\udc80.pdf", 'a"; filename="b.exe', "x" * 300, "\u202efdp.exe", ""]
)
def test_a_name_in_a_row_that_nobody_cleaned_splits_no_header(
    get: Callable[..., tuple[int, bytes, dict[str, str]]], name: str
) -> None:
    Attachment.objects.update(filename=name.encode(errors="replace").decode()[:255])

    status, _, headers = get()
    assert status == 200
    assert "\n" not in headers["Content-Disposition"]
    assert "\r" not in headers["Content-Disposition"]
    assert "Set-Cookie" not in headers


def test_a_damaged_document_is_a_clear_error_page(
    document: Document, alice: User, client_of: Callable[[User | None], Client], provider: object
) -> None:
    Attachment.objects.update(envelope_core=bytes(144))

    response = client_of(alice).get(f"/documents/{document.pk}/content")

    assert response.status_code == 502
    assert b"cannot be opened" in response.content


@pytest.mark.parametrize("name", ["100%20 b.txt", "a;b%20c.txt", "50%.pdf"])
def test_a_name_that_looks_encoded_is_saved_as_it_is(
    store: Callable[..., Document], alice: User, client_of: Callable[[User], Client], name: str
) -> None:
    document = store(filename=name)

    header = client_of(alice).get(f"/documents/{document.pk}/content")["Content-Disposition"]

    assert unquote(header.partition("filename*=utf-8''")[2]) == name
