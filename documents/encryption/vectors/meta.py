"""Faults in META."""

import struct
from collections.abc import Iterator

from documents.encryption.vectors.case import Vector, refused
from documents.encryption.vectors.keys import sign
from documents.encryption.vectors.writer import METADATA, Draft, flip, put

MALFORMED, AUTHENTICATION = "MalformedEnvelope", "AuthenticationFailed"


def cases() -> Iterator[Vector]:
    """Vectors of §2.3, §4 and §4.1. META is sealed over the fault, so that only its own check can refuse it."""
    yield from _lengths()
    yield from _tags()
    yield from _texts()
    yield from _members()
    yield from _origins()


def _lengths() -> Iterator[Vector]:
    for name, length in (
        ("meta-len-0", 0),
        ("meta-len-tag-only", 16),
        ("meta-len-uneven", 16 + 257),
        ("meta-len-above", 16 + 256 * 129),
        ("meta-len-huge", 0xFFFFFF10),
        ("meta-len-beyond-header", 16 + 256 * 128),
    ):
        edit = {"meta": put(0, struct.pack(">I", length))}
        yield refused(Draft(name, edit=edit), MALFORMED, "§2.3", f"The length field says {length}.")


def _tags() -> Iterator[Vector]:
    for name, offset in (("flip-meta-text", 4), ("flip-meta-padding", -17), ("flip-meta-tag", -1)):
        yield refused(Draft(name, edit={"meta": flip(offset)}), AUTHENTICATION, "§2.3", "One bit of META differs.")
    other = Draft("meta of another envelope").meta
    edit = {"meta": lambda _: other}
    yield refused(Draft("meta-exchanged", edit=edit), AUTHENTICATION, "§2.3", "META of another envelope.")


def _texts() -> Iterator[Vector]:
    for name, text, about in (
        ("meta-empty", b"", "Spaces alone."),
        ("meta-not-json", b"{filename: 1}", "Not JSON."),
        ("meta-array", b"[]", "An array."),
        ("meta-string", b'"filename"', "A string."),
        ("meta-null", b"null", "null."),
        ("meta-deep", b"[" * 20_000, "Nesting that exhausts a parser's stack."),
    ):
        draft = Draft(name, header_len=24_576, edit={"text": lambda _, text=text: text})  # type: ignore[misc]
        yield refused(draft, MALFORMED, "§4", about)
    for name, find, insert, about in (
        ("meta-latin-1", b"Contract", b"Vertr\xe4ge", "Latin-1 in place of UTF-8."),
        ("meta-surrogate", b"Contract", b"\\ud800", "An escaped lone surrogate."),
        ("meta-surrogate-name", b'"owner"', b'"\\udc00":"","owner"', "A lone surrogate in a member's name."),
        ("meta-surrogate-raw", b"Contract", b"\xed\xa0\x80", "A lone surrogate in UTF-8."),
        ("meta-nan", b'{"', b'{"x":NaN,"', "NaN, which is not JSON."),
        ("meta-byte-order-mark", b'{"', b'\xef\xbb\xbf{"', "A byte order mark."),
        ("meta-nul-padding", b"}", b"}\0", "Padded by another byte than white space."),
    ):
        edit = {"text": lambda text, find=find, insert=insert: text.replace(find, insert, 1)}
        yield refused(Draft(name, edit=edit), MALFORMED, "§4", about)


def _members() -> Iterator[Vector]:
    for missing in METADATA:
        members = {name: value for name, value in METADATA.items() if name != missing}
        yield refused(Draft(f"meta-without-{missing}", metadata=members), MALFORMED, "§4", f"No {missing}.")
    for name, change, about in (
        ("member-number", {"owner": 7}, "A number."),
        ("member-null", {"filename": None}, "null."),
        ("member-unknown-object", {"extra": {}}, "A member that nobody knows is an object."),
        ("created-local", {"created_at": "2026-11-21T06:07:08.123456+01:00"}, "Not UTC."),
        ("created-short", {"created_at": "2026-11-21T06:07:08Z"}, "No fraction."),
        ("created-no-day", {"created_at": "2026-02-30T06:07:08.123456Z"}, "30 February."),
        ("created-no-leap", {"created_at": "2100-02-29T00:00:00.000000Z"}, "2100 is no leap year."),
        ("created-hour-24", {"created_at": "2026-11-21T24:00:00.000000Z"}, "Hour 24."),
        ("created-minute-60", {"created_at": "2026-11-21T06:60:00.000000Z"}, "Minute 60."),
        ("created-second-60", {"created_at": "2016-12-31T23:59:60.000000Z"}, "A leap second that there was."),
        ("created-year-0", {"created_at": "0000-01-01T00:00:00.000000Z"}, "Year 0."),
        ("created-digits", {"created_at": "２026-11-21T06:07:08.123456Z"}, "A digit that is not ASCII."),  # noqa: RUF001
    ):
        yield refused(Draft(name, metadata={**METADATA, **change}), MALFORMED, "§4", about)
    coding = {**METADATA, "content_coding": "br"}
    yield refused(Draft("coding-unknown", metadata=coding), "UnsupportedEnvelope", "§4", "A coding nobody knows.")


def _origins() -> Iterator[Vector]:
    asked = {"origin_keys": ("origin",)}
    yield refused(Draft("origin-missing"), AUTHENTICATION, "§4.1", "A signature is asked for and missing.", **asked)
    other = Draft("origin-other-key", signed_by="other-origin")
    yield refused(other, AUTHENTICATION, "§4.1", "Signed by a key that the reader does not trust.", **asked)
    for name, value, error, about in (
        ("origin-other-context", sign("origin", b"vlt1/origin" + bytes(32)), AUTHENTICATION, "Of another context."),
        ("origin-not-base64", "*" * 88, MALFORMED, "Not base64."),
        ("origin-line-break", sign("origin", b"") + "\n", MALFORMED, "base64 with a line break."),
        ("origin-63-bytes", "A" * 84, MALFORMED, "63 bytes."),
        ("origin-empty", "", MALFORMED, "An empty signature."),
    ):
        draft = Draft(name, metadata={**METADATA, "origin_signature": value})
        yield refused(draft, error, "§4.1", about, **asked)
    unasked = Draft("origin-malformed-not-asked", metadata={**METADATA, "origin_signature": "?"})
    yield refused(unasked, MALFORMED, "§4", "Not base64, and nobody asked for a signature.")
    both = Draft(
        "origin-malformed-coding-unknown", metadata={**METADATA, "content_coding": "br", "origin_signature": "?"}
    )
    yield refused(
        both, MALFORMED, "§4", "Not base64, in a text of an unknown coding: what is malformed goes before it."
    )
