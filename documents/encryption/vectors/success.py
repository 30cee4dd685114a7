"""Envelopes that open."""

import json
import struct
import zlib
from collections.abc import Iterator

from documents.encryption.vectors.case import Vector, opens
from documents.encryption.vectors.writer import CHUNK, METADATA, Draft, bare_stanza, draw, stanza


def cases() -> Iterator[Vector]:
    """Vectors that open: sizes (§2.6), names and times (§4), recipients (§5), ranges (§7.2)."""
    yield from _sizes()
    yield from _metadata()
    yield from _recipients()
    yield from _ranges()


def document(size: int) -> bytes:
    """A plaintext of ``size`` bytes, the same in every run and another for every size."""
    return draw(f"document of {size}", size)


def gzip_stored(data: bytes) -> bytes:
    """A gzip stream (RFC 1952) of one stored block: the same bytes whatever the zlib."""
    block = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block + struct.pack("<II", zlib.crc32(data), len(data))


def _sizes() -> Iterator[Vector]:
    for name, size in (
        ("empty", 0),
        ("one-byte", 1),
        ("chunk-less-one", CHUNK - 1),
        ("one-chunk", CHUNK),
        ("chunk-and-one", CHUNK + 1),
        ("two-chunks", 2 * CHUNK),
        ("two-chunks-and-one", 2 * CHUNK + 1),
        ("many-chunks", 11 * CHUNK + 77),
    ):
        yield opens(Draft(name, document(size)), "§2.6", f"{size} bytes in chunks of {CHUNK}.")
    for log2 in (13, 18, 22):
        yield opens(Draft(f"chunk-log2-{log2}", document(5_000), chunk_log2=log2), "§2.2", "A larger chunk size.")
    yield opens(Draft("long-header", header_len=65_536), "§2.5", "The longest header, mostly zeros.")


def _metadata() -> Iterator[Vector]:
    room = 256 - len(json.dumps({**METADATA, "filename": ""}))
    for name, change, about in (
        (
            "name-unicode",
            {"filename": "Ärzte · 契約書 \U0001f512 \u202egnp.exe"},
            "Unicode beyond the BMP, and a bidi mark.",
        ),
        ("name-empty", {"filename": "", "owner": "", "content_type": ""}, "All that may be empty is."),
        (
            "name-hostile",
            {"filename": '../../etc/\r\n"\\\t\u0000x'},
            "Separators and control characters, escaped in JSON.",
        ),
        ("name-exact", {"filename": "n" * room}, "Text of 256 bytes, which needs no padding."),
        ("name-exact-and-one", {"filename": "n" * (room + 1)}, "Text of 257 bytes."),
        ("year-one", {"created_at": "0001-01-01T00:00:00.000000Z"}, "The first time there is."),
        ("leap-day", {"created_at": "2024-02-29T23:59:59.999999Z"}, "A day that leap years alone have."),
        ("member-unknown", {"colour": "green"}, "A member that the reader does not know is ignored."),
    ):
        yield opens(Draft(name, metadata={**METADATA, **change}), "§4", about)
    coded = Draft("coding-gzip", gzip_stored(document(300)), metadata={**METADATA, "content_coding": "gzip"})
    yield opens(coded, "§4", "The chunks hold a gzip stream; an envelope's reader releases it as it is.")
    long_name = {**METADATA, "filename": "ß" * 8_000}
    yield opens(Draft("name-long", metadata=long_name, header_len=20_480), "§2.3", "META of 16 KiB.")
    twice = {"text": lambda text: b'{"owner":"first",' + text[1:]}
    yield opens(Draft("member-twice", edit=twice), "§4", "The last of two members of one name counts.")
    newline = {"padded": lambda text: text[:-1] + b"\n"}
    yield opens(Draft("padding-white-space", edit=newline), "§4", "JSON permits any white space around it.")
    signed = Draft("origin-signed", signed_by="origin")
    yield opens(signed, "§4.1", "Signed by the one origin key.", origin_keys=("origin",))
    second = Draft("origin-second-key", signed_by="origin")
    yield opens(second, "§4.1", "Signed by the second of two origin keys.", origin_keys=("other-origin", "origin"))
    yield opens(
        Draft("origin-not-asked", signed_by="origin"), "§4.1", "A reader without origin keys ignores the signature."
    )


def _recipients() -> Iterator[Vector]:
    for name, keks in (("recovery-kek", ("recovery",)), ("both-keks", ("recovery", "primary"))):
        yield opens(Draft(name), "§5", f"The reader holds {' and '.join(keks)}.", keks=keks)
    yield opens(Draft("one-recipient", recipients=("primary",)), "§2.4", "One stanza.")
    others = [bare_stanza(1, draw(f"kek {i}"), draw(f"wrapped {i}", 384)) for i in range(3)]
    four = Draft("four-recipients", stanzas=[*others, stanza("primary", draw("four-recipients/dek"), "four")])
    yield opens(four, "§2.4", "Four stanzas; the reader's is the last.")
    wide = bare_stanza(1, draw("a KEK of 8192 bits"), draw("wrapped, 8192 bits", 1_024))
    yield opens(
        Draft("kek-of-8192-bits", stanzas=[wide, stanza("primary", draw("kek-of-8192-bits/dek"), "wide")]),
        "§5",
        "A stanza for the longest RSA key beside the reader's.",
    )
    unknown = bare_stanza(777, draw("a KEK of another type"), draw("wrapped otherwise", 4_096))
    mixed = Draft(
        "type-unknown-beside",
        stanzas=[unknown, stanza("primary", draw("type-unknown-beside/dek"), "mixed")],
        header_len=8_192,
    )
    yield opens(mixed, "§5", "A stanza of a type the reader does not know is skipped where another fits.")
    known = Draft("row-agrees")
    yield opens(
        known, "§7", "Ids and context are those expected.", expected_ids=known.ids, expected_context=known.context
    )


def _ranges() -> Iterator[Vector]:
    size = 3 * CHUNK + 100
    for name, start, stop in (
        ("range-first-byte", 0, 1),
        ("range-last-byte", size - 1, size),
        ("range-across", CHUNK - 1, CHUNK + 1),
        ("range-one-chunk", CHUNK, 2 * CHUNK),
        ("range-inside", CHUNK + 10, CHUNK + 20),
        ("range-to-end", 2 * CHUNK + 5, size),
        ("range-all", 0, size),
    ):
        yield opens(Draft(name, document(size)), "§7.2", f"Plaintext {start} to {stop} of {size}.", range=(start, stop))
    yield opens(Draft("range-of-empty", b""), "§7.2", "The whole of an empty document.", range=(0, 0))
