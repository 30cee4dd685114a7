"""Hostile names: harmless after cleaning, whatever they were."""

import unicodedata
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.models import Document
from documents.services.keys import object_key
from documents.services.names import clean_content_type, clean_filename, clean_title
from documents.storage.keys import check_key

# One of each class of trouble; hypothesis mixes them and adds its own.
HOSTILE = [
    "", ".", "..", "../../x", "/etc/passwd", "..\\..\\x", "C:\\x\\y.pdf", "a/b/c.txt", "a\r\nSet-Cookie: x", "a\0b.pdf",
    "\u202egnp.exe", "\u2066a\u2069", "\ufeffa", "\udc80\ud800.pdf", "<script>alert(1)</script>.svg", '";filename="x',
    "x" * 300 + ".pdf", "ü" * 300 + ".pdf", "🙂" * 100, ".htaccess", "...", "   ", "CON", "a:b",
    "a|b?*", "a.\u0301", "=cmd()",
    "a" + "." * 300, "." + "b" * 300, "\u2028\u2029", "name.\u00ad\u200b", "%2e%2e%2f", "~", "-rf", "\t", "a\nb",
]  # fmt: skip

names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=400),
    st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=4).map("".join),
)


@given(names)
@settings(max_examples=1000)
def test_a_cleaned_name_is_one_plain_segment(name: str) -> None:
    cleaned = clean_filename(name)

    assert 1 <= len(cleaned) <= 255
    assert len(cleaned.encode()) <= 255, "and no lone surrogate, or encode() would raise"
    assert not set('/\\<>:"|?*\0\r\n') & set(cleaned)
    assert not any(unicodedata.category(c).startswith("C") for c in cleaned)
    assert cleaned not in (".", "..")
    assert cleaned == cleaned.strip()
    assert clean_filename(cleaned) == cleaned


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Pay slip.pdf", "Pay slip.pdf"),
        ("../../x", "x"),
        ("C:\\Users\\me\\a.pdf", "a.pdf"),
        ("", "document"),
        ("..", "document"),
        ("\u202efdp.exe", "fdp.exe"),
        ("a\r\nb.pdf", "ab.pdf"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("ü" * 300 + ".pdf", "ü" * 125 + ".pdf"),
        ("Gehälter.pdf", "Gehälter.pdf"),
    ],
)
def test_what_a_person_can_read_is_kept(name: str, cleaned: str) -> None:
    assert clean_filename(name) == cleaned


@pytest.mark.parametrize("name", ["e\u200b\u0301.pdf", "b" * 240 + " ." + "x" * 30, "a" * 253 + ". b", ". ."])
def test_cleaning_again_changes_nothing(name: str) -> None:
    assert clean_filename(clean_filename(name)) == clean_filename(name)
    assert clean_title(clean_title(name, filename="x"), filename="x") == clean_title(name, filename="x")


@given(names, names)
@settings(max_examples=300)
def test_a_title_is_one_line_of_something(title: str, filename: str) -> None:
    cleaned = clean_title(title, filename=clean_filename(filename))

    assert 1 <= len(cleaned) <= 255
    cleaned.encode()
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in cleaned)


@given(names)
@settings(max_examples=300)
def test_a_readable_object_key_is_accepted_by_every_provider(name: str) -> None:

    check_key(object_key(uuid.uuid4(), owner_id=7, at=datetime.now(UTC), readable_name=clean_filename(name)))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("application/pdf", "application/pdf"),
        ("Text/HTML; charset=utf-8", "text/html"),
        ("", "application/octet-stream"),
        ("text/html\r\nX: y", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("application/x-www-form-urlencoded", "application/octet-stream"),
        ("a/" + "b" * 200, "application/octet-stream"),
    ],
)
def test_a_content_type_is_a_plain_one_or_none(given: str, kept: str) -> None:
    assert clean_content_type(given) == kept


@pytest.mark.django_db
def test_hostile_names_are_harmless_everywhere(
    store: Callable[..., Document], alice: User, client_of: Callable[..., object]
) -> None:
    browser = client_of(alice)
    for name in HOSTILE:
        document = store(filename=name, title=name)
        attachment = document.current_attachment()
        assert attachment.storage_path.endswith(f"/{attachment.pk}.vlt")
        page = browser.get(f"/documents/{document.pk}/")  # type: ignore[attr-defined]
        assert page.status_code == 200
        assert b"<script>alert(1)" not in page.content
        content = browser.get(f"/documents/{document.pk}/content")  # type: ignore[attr-defined]
        assert content.status_code == 200
        assert content.getvalue() == b"a payslip"
        assert "\n" not in content["Content-Disposition"]
    listed = browser.get("/")  # type: ignore[attr-defined]
    assert listed.status_code == 200
    assert b"<script>alert(1)" not in listed.content
