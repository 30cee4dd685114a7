"""10,000 hostile names of 40 classes: in a header, a log line and an object key none does harm."""

import io
import logging
import re
import unicodedata
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from logging.config import DictConfigurator
from pathlib import PurePosixPath
from typing import NoReturn
from urllib.parse import unquote

import pytest
import structlog
from django.http import HttpResponse
from django.test import RequestFactory

from documents.http.content import content_response
from documents.models import Attachment
from documents.services.keys import object_key
from documents.services.names import clean_filename, clean_title
from documents.storage.keys import is_valid_key
from tests.documents.hostile_names import TROUBLE, hostile_names
from vault.logs import logging_config

PER_CLASS, PER_CLASS_LONG = 10, 250
# RFC 6266 §4.1 and RFC 8187 §3.2: one parameter and nothing behind it.
QUOTED = re.compile(r'attachment; filename="((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*)"')
EXTENDED = re.compile(r"attachment; filename\*=utf-8''((?:[A-Za-z0-9!#$&+.^_`|~*'()/-]|%[0-9A-F]{2})+)")
KEY = re.compile(r"documents/user_7/2026/11/21/[0-9a-f-]{36}(_[A-Za-z0-9.-][A-Za-z0-9._-]*)?\.vlt")
AT = datetime(2026, 11, 21, tzinfo=UTC)
Check = Callable[[str], bool]


def nobody_reads(_start: int, _stop: int) -> NoReturn:
    raise AssertionError("HEAD opens no document")


def is_plain_segment(name: str) -> bool:
    cleaned = clean_filename(name)
    return (
        1 <= len(cleaned) <= 255
        and is_one_line(cleaned)
        and len(cleaned.encode()) <= 255
        and not set('/\\<>:"|?*') & set(cleaned)
        and not cleaned.startswith((".", " "))
        and not cleaned.endswith((".", " "))
        and clean_filename(cleaned) == cleaned
    )


def is_one_line(text: str) -> bool:
    """Without control, format and unassigned characters, halves of surrogate pairs and separators of lines."""
    return not any(unicodedata.category(c)[0] == "C" or unicodedata.category(c) in ("Zl", "Zp") for c in text)


def has_a_plain_title(name: str) -> bool:
    title = clean_title(name, filename=clean_filename(name))
    return 1 <= len(title) <= 255 and is_one_line(title)


def splits_no_header(name: str) -> bool:
    """Ask for the headers of a row that holds the name as it was given: nobody may have cleaned it."""
    request = RequestFactory().head("/")
    row = Attachment(filename=name, content_type="text/plain", digest="0" * 64)
    try:
        answer = content_response(request, row, nobody_reads, ranges=True)
    except (ValueError, UnicodeError):
        return False
    assert isinstance(answer, HttpResponse)
    header = answer["Content-Disposition"]
    plain, encoded, rest = header.partition("; filename*=")
    # Both, where browsers would decode the plain one: then each says the same.
    if encoded and QUOTED.fullmatch(plain):
        header = f"attachment; filename*={rest}"
    quoted, extended = QUOTED.fullmatch(header), EXTENDED.fullmatch(header)
    told = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else unquote(extended[1], errors="strict") if extended else None
    lines = answer.serialize_headers().splitlines()
    return told == clean_filename(name) and len(lines) == len(answer.headers)


def is_one_line_of_the_log(name: str) -> bool:
    """As a value, and in the text of a message that a library writes."""
    return all(_is_one_line_of_the_log(name, as_json=as_json) for as_json in (True, False))


def _is_one_line_of_the_log(name: str, *, as_json: bool) -> bool:
    logger, written = logging.Logger("hostile"), io.StringIO()  # noqa: LOG001  # of this call alone
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter(as_json=as_json))
    logger.addHandler(handler)
    structlog.wrap_logger(logger).warning("named", named=name)
    logger.warning("Not found: %s", name)
    lines = written.getvalue()
    return lines.count("\n") == len(lines.splitlines()) == 2 and lines.replace("\n", "").isprintable()


@cache
def formatter(*, as_json: bool) -> logging.Formatter:
    """What writes every line of the vault's log."""
    config = logging_config(level="INFO", as_json=as_json)
    made: logging.Formatter = DictConfigurator(config).configure_formatter(config["formatters"]["structured"])
    return made


def stays_in_its_directory(name: str) -> bool:
    """The key of ``VAULT_OBJECT_NAMES=readable``, of the cleaned name and of one that nobody cleaned."""
    for readable in (clean_filename(name), name):
        key = object_key(uuid.uuid4(), owner_id=7, at=AT, readable_name=readable)
        if not is_valid_key(key) or not KEY.fullmatch(key) or ".." in PurePosixPath(key).parts or len(key) > 300:
            return False
    return True


CHECKS: tuple[Check, ...] = (
    is_plain_segment,
    has_a_plain_title,
    splits_no_header,
    is_one_line_of_the_log,
    stays_in_its_directory,
)


@pytest.mark.parametrize("kind", TROUBLE)
def test_a_hostile_name_is_harmless(kind: str) -> None:
    assert harmful(kind, PER_CLASS) == []


@pytest.mark.long
def test_10000_hostile_names_are_harmless() -> None:
    found = [trouble for kind in TROUBLE for trouble in harmful(kind, PER_CLASS_LONG)]
    names = {name for kind in TROUBLE for name in hostile_names(kind, PER_CLASS_LONG)}
    print(f"{PER_CLASS_LONG * len(TROUBLE)} names of {len(TROUBLE)} classes, {len(names)} different")  # noqa: T201
    print(f"{len(CHECKS)} checks of each: {len(found)} harmful")  # noqa: T201  # the figures of a long run
    assert found == []
    assert PER_CLASS_LONG * len(TROUBLE) >= 10_000


def harmful(kind: str, count: int) -> list[tuple[str, str]]:
    """The names of this class that do harm, each with the check that says so."""
    return [(check.__name__, ascii(name)) for name in hostile_names(kind, count) for check in CHECKS if not check(name)]


def unclean_key(attachment_id: uuid.UUID, *, readable_name: str, **_place: object) -> str:
    return f"documents/user_7/2026/11/21/{attachment_id}_{readable_name}.vlt"


def caught_by(check: Check) -> set[str]:
    """The classes of which a check refuses one name at least."""
    return {kind for kind in TROUBLE if not all(check(name) for name in hostile_names(kind, 30))}


INVISIBLE = {"line breaks", "NUL", "C0 controls", "C1 controls", "terminal escapes", "right to left", "isolates"}
INVISIBLE |= {"zero width", "lone surrogates", "line separators", "private and unassigned", "split headers"}
PATHS = {"parent directories", "backslashes", "absolute paths", "drives and streams"}
SHAPES = {"leading dots", "only dots and spaces", "double quotes", "markup", "too long", "too long in bytes"}


def test_without_the_cleaning_every_check_goes_red(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (__name__, "documents.http.content"):
        monkeypatch.setattr(f"{place}.clean_filename", str)
    monkeypatch.setattr(f"{__name__}.clean_title", lambda title, **_: title)
    monkeypatch.setattr(f"{__name__}.object_key", unclean_key)
    monkeypatch.setattr(f"{__name__}.formatter", lambda **_: logging.Formatter())

    assert caught_by(is_plain_segment) >= INVISIBLE | PATHS | SHAPES
    assert caught_by(has_a_plain_title) >= INVISIBLE
    # Django escapes what stands within a name; of a line break at its end and of half a pair it makes an error.
    assert caught_by(splits_no_header) >= {"line breaks", "lone surrogates"}
    assert caught_by(is_one_line_of_the_log) >= INVISIBLE
    assert caught_by(stays_in_its_directory) >= INVISIBLE | PATHS
