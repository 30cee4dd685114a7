"""Faults in PREFIX and CORE, each under a commitment and tags that are sound for it where that is possible."""

import struct
from collections.abc import Iterator

from documents.encryption.vectors.case import Vector, refused
from documents.encryption.vectors.writer import CHUNK, Draft, draw, flip, hkdf, put

MALFORMED, UNSUPPORTED, UNWRAP = "MalformedEnvelope", "UnsupportedEnvelope", "UnwrapFailed"


def prefix_cases() -> Iterator[Vector]:
    """Vectors of §2.1, and objects that are too short for what their first 16 bytes announce (§7)."""
    for name, offset, value, error, about in (
        ("magic-first", 0, b"\x09", MALFORMED, "The first byte lost its high bit."),
        ("magic-name", 1, b"VLS", MALFORMED, "Another name."),
        ("magic-last", 7, b"\x0d", MALFORMED, "The last byte of the magic differs."),
        ("version-0", 8, b"\x00", UNSUPPORTED, "There is no version 0."),
        ("version-2", 8, b"\x02", UNSUPPORTED, "A later version."),
        ("suite-0", 9, b"\x00", UNSUPPORTED, "There is no suite 0."),
        ("suite-2", 9, b"\x02", UNSUPPORTED, "Another suite."),
        ("flags-low", 10, b"\x00\x01", UNSUPPORTED, "A flag that means nothing yet."),
        ("flags-high", 10, b"\x80\x00", UNSUPPORTED, "A flag that means nothing yet."),
        ("header-len-0", 12, bytes(4), MALFORMED, "No header."),
        ("header-len-uneven", 12, struct.pack(">I", 4_097), MALFORMED, "Not a multiple of 4,096."),
        ("header-len-large", 12, struct.pack(">I", 69_632), MALFORMED, "Above 65,536."),
        ("header-len-huge", 12, b"\xff\xff\xf0\x00", MALFORMED, "Far above 65,536."),
    ):
        yield refused(Draft(name, edit={"context": put(offset, value)}), error, "§2.1", about)
    whole = Draft("header-len-beyond", header_len=8_192).object[: 4_096 + 16]
    yield refused(Draft("header-len-beyond"), MALFORMED, "§7", "The object ends before its header does.", object=whole)
    damaged = Draft("text-mode").object.replace(b"\r\n", b"\n", 1)
    yield refused(
        Draft("text-mode"), MALFORMED, "§2.1", "A transfer in text mode turned CR LF into LF.", object=damaged
    )
    for size in (0, 15, 16, 4_095):
        draft = Draft(f"object-of-{size}")
        yield Vector(draft.seed, "§7", f"The object has {size} bytes.", draft.object[:size], error=MALFORMED)
    body = draw("body behind a longer header", 2 * CHUNK)
    grown = Draft("header-len-grown", body, edit={"header": put(12, struct.pack(">I", 8_192))})
    yield refused(grown, MALFORMED, "§2.5", "A longer header swallows chunks: these bytes are not zeros.")


def core_cases() -> Iterator[Vector]:
    """Vectors of §2.2 and of the commitment (§3), and sound envelopes that are not the one expected (§7)."""
    for name, log2 in (("chunk-log2-11", 11), ("chunk-log2-23", 23), ("chunk-log2-255", 255)):
        edit = {"context": put(64, bytes([log2]))}
        yield refused(Draft(name, edit=edit), MALFORMED, "§2.2", "The chunk size is out of limits.")
    for name, offset in (("core-zeros-first", 65), ("core-zeros-last", 79)):
        yield refused(Draft(name, edit={"context": put(offset, b"\1")}), MALFORMED, "§2.2", "A reserved byte is not 0.")
    for name, offset in (
        ("flip-vault-id", 16),
        ("flip-document-id", 47),
        ("flip-attachment-id", 63),
        ("flip-chunk-log2", 64),
        ("flip-salt", 80),
        ("flip-commitment-first", 112),
        ("flip-commitment-last", 143),
    ):
        edit = {"commitment": flip(offset)}
        yield refused(Draft(name, edit=edit), UNWRAP, "§3", "The commitment does not fit; all later tags would.")
    yield from _commitments()
    yield from _expected()


def _commitments() -> Iterator[Vector]:
    bare = Draft("commitment-without-context")
    value = hkdf(bare.dek, bare.context[80:112], b"vlt1/commit")
    edit = {"commitment": put(112, value)}
    yield refused(Draft(bare.seed, edit=edit), UNWRAP, "§3", "A commitment to the DEK alone.")
    value = hkdf(draw("another dek"), bare.context[80:112], b"vlt1/commit" + bare.context[:112])
    edit = {"commitment": put(112, value)}
    yield refused(Draft("commitment-other-dek", edit=edit), UNWRAP, "§3", "A commitment to another DEK.")
    edit = {"commitment": put(112, bytes(32))}
    yield refused(Draft("commitment-zeros", edit=edit), UNWRAP, "§3", "No commitment.")


def _expected() -> Iterator[Vector]:
    error = "AuthenticationFailed"
    for place, name in enumerate(("vault", "document", "attachment")):
        draft = Draft(f"other-{name}")
        ids = list(draft.ids)
        ids[place] = draw("somebody else's", 16)
        about = f"A sound envelope of another {name} than the reader expects."
        yield refused(draft, error, "§7", about, expected_ids=(ids[0], ids[1], ids[2]))
    version = Draft("other-version")
    about = "A sound envelope, but not the one whose context the row keeps."
    yield refused(version, error, "§7", about, expected_context=Draft("its later version").context)
    about = "The same, told before any key is used: the reader does not hold this envelope's KEK."
    stranger = Draft("other-version-no-kek", recipients=("stranger",))
    yield refused(stranger, error, "§7", about, expected_context=version.context)
