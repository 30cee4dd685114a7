"""A name of every hostile class, from the upload to every page that shows it."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from logging.config import DictConfigurator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.models import Document, Link
from documents.services.actors import Actor
from documents.services.links import create_link
from documents.services.names import clean_filename
from documents.services.tokens import create_token
from tests.documents.hostile_names import TROUBLE, hostile_names
from vault.logs import logging_config

API = "/api/v1/documents"
HARMLESS = "payslip.pdf"
ONE_FILENAME = re.compile(r"attachment(; filename=\"[ -~]*\")?(; filename\*=utf-8''[!-~]*)?")
PAGE = {"Accept": "text/html"}
SAMPLE = {kind: next(hostile_names(kind, 1)) for kind in TROUBLE}
# What a class must not be without, whichever shape the seed gave its sample.
SAMPLE |= {
    "line breaks": "a\r\nb\n",
    "markup": "<script>alert(1)</script>.svg",
    "right to left": "\u202efdp.exe",
    "lone surrogates": "\udc80\ud800.pdf",
    "double quotes": '";x=".pdf',
}


class Structure(HTMLParser):
    """The tags of a page with the names of their attributes, and the text between them."""

    def __init__(self, answer: Any, *, as_if: Callable[[str], str] = str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        if not answer.streaming:
            self.feed(as_if(answer.content.decode()))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged from INFO on, as the vault writes it."""
    config, written, root = logging_config(level="INFO", as_json=True), io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(written), root.level
    handler.setFormatter(DictConfigurator(config).configure_formatter(config["formatters"]["structured"]))
    root.addHandler(handler)
    root.setLevel("INFO")
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


def in_bytes(name: str) -> bytes:
    return name.encode(errors="surrogatepass")


def encoded(name: str) -> str:
    return quote(in_bytes(name), safe="")


@dataclass
class Cast:
    """Alice, who uploads and shares, and Sam, who looks on."""

    alice: User
    actor: Actor
    owner: Client
    staff: Client

    def upload_by_api(self, name: str) -> None:
        headers = {"Authorization": f"Bearer {create_token(self.alice, actor=self.actor).token}"}
        named = {**headers, "X-Filename": encoded(name)}
        answer = Client().generic("POST", API, b"a payslip", "application/pdf", headers=named)
        assert answer.status_code == 201, answer.content
        told = answer.json()
        assert told["filename"] == clean_filename(in_bytes(name).decode(errors="replace"))
        assert Client().get(API, {"title": told["title"]}, headers=headers).json()["items"] == [told]
        assert Client().delete(f"{API}/{told['id']}", headers=headers).status_code == 204

    def pages(self, name: str) -> dict[str, Any]:
        """Upload with this name, confirm with this title, share, and get every page that shows it."""
        csrf = {"X-CSRFToken": self.owner.cookies["csrftoken"].value}
        named = {**csrf, "X-Filename": encoded(name)}
        staged = self.owner.generic("POST", "/upload/raw", b"a payslip", "application/pdf", headers=named).json()["id"]
        waiting = self.owner.get("/upload/")
        title = encoded(name) or "payslip"
        body = f"confirm={staged}&title-{staged}={title}"
        kind = "application/x-www-form-urlencoded"
        assert self.owner.generic("POST", "/upload/staged", body, kind, headers=csrf).status_code == 302
        document = Document.objects.get()
        link = f"/l/{create_link(document, creator=self.alice, actor=self.actor).token}"
        admin, attachment = "/admin/documents", document.current_attachment()
        return {
            "waiting": waiting,
            "list": self.owner.get("/"),
            "document": self.owner.get(f"/documents/{document.pk}/"),
            "deletion": self.owner.get(f"/documents/{document.pk}/delete"),
            "links": self.owner.get("/links/"),
            "link": Client().get(link, headers=PAGE),
            "admin list": self.staff.get(f"{admin}/document/"),
            "admin document": self.staff.get(f"{admin}/document/{document.pk}/change/"),
            "admin attachment": self.staff.get(f"{admin}/attachment/{attachment.pk}/change/"),
            "download": self.owner.get(f"/documents/{document.pk}/content"),
        }


@pytest.fixture
def cast(alice: User, sam: User, as_alice: Actor, client_of: Callable[[User | None], Client]) -> Cast:
    made = Cast(alice, as_alice, client_of(alice), client_of(sam))
    made.owner.get("/upload/")
    return made


WITH_TITLE = ("list", "document", "deletion", "links", "admin list", "admin document")


def test_a_name_of_every_hostile_class_is_shown_and_does_nothing(cast: Cast, logged: io.StringIO) -> None:
    plain = {place: Structure(answer) for place, answer in cast.pages(HARMLESS).items()}
    assert len(SAMPLE) >= 40
    for kind, name in SAMPLE.items():
        Link.objects.all().delete()
        Document.objects.all().delete()
        cast.upload_by_api(name)
        pages = cast.pages(name)
        title = Document.objects.get().title
        assert cast.owner.get(f"/nowhere/{encoded(name)}", headers=PAGE).status_code == 404
        download = pages["download"]
        assert (download.status_code, download.getvalue()) == (200, b"a payslip")
        assert ONE_FILENAME.fullmatch(download["Content-Disposition"]), kind
        for place in sorted(set(pages) - {"download"}):
            assert pages[place].status_code == 200, (kind, place)
            page = Structure(pages[place])
            assert page.tags == plain[place].tags, (kind, place)
            assert title in page.text or place not in WITH_TITLE, (kind, place)
            assert b"<script>alert" not in pages[place].content
    lines = logged.getvalue().splitlines()
    assert len([json.loads(line) for line in lines]) > 10 * len(SAMPLE), "each line is one whole JSON object"
    assert logged.getvalue().count("\n") == len(lines)
    assert r"/nowhere/a\r\nb\n" in logged.getvalue(), "and hostile bytes came there"


def test_a_page_that_escaped_nothing_would_be_seen(cast: Cast) -> None:
    pages = cast.pages(SAMPLE["markup"])

    assert Document.objects.get().title == SAMPLE["markup"]
    for place in WITH_TITLE:
        assert Structure(pages[place]).tags != Structure(pages[place], as_if=unescape).tags, place
