"""Faults in KEYBLOCK and in the zeros behind it."""

import struct
from collections.abc import Iterator

from documents.encryption.vectors.case import Vector, refused
from documents.encryption.vectors.keys import kek_id, oaep_encrypt, raw_rsa
from documents.encryption.vectors.writer import Draft, bare_stanza, draw, flip, put, stanza

MALFORMED, AUTHENTICATION, UNWRAP = "MalformedEnvelope", "AuthenticationFailed", "UnwrapFailed"
FIRST, SECOND = 44, 44 + 40 + 384  # where the two stanzas of RSA-3072 begin


def cases() -> Iterator[Vector]:
    """Vectors of §2.4, §2.5 and §5: one fault each, in the only key block there is."""
    yield from _structure()
    yield from _stanzas()
    yield from _tags()
    yield from _wrapped()
    yield from _recipients()


def _structure() -> Iterator[Vector]:
    for name, offset, value, about in (
        ("block-len-0", 0, bytes(4), "The length field says 0."),
        ("block-len-96", 0, struct.pack(">I", 96), "Shorter than any block."),
        ("block-len-16601", 0, struct.pack(">I", 16_601), "Longer than any block."),
        ("block-len-beyond-header", 0, struct.pack(">I", 8_000), "The block ends behind the header."),
        ("block-len-less", 0, struct.pack(">I", 56 + 2 * 424 - 1), "One byte less than the stanzas need."),
        ("block-len-more", 0, struct.pack(">I", 56 + 2 * 424 + 1), "One byte more than the stanzas need."),
        ("block-count-0", 40, b"\x00", "No stanza."),
        ("block-count-1", 40, b"\x01", "One stanza announced, two there."),
        ("block-count-3", 40, b"\x03", "Three stanzas announced, two there."),
        ("block-count-5", 40, b"\x05", "Five stanzas announced."),
        ("block-zeros-first", 41, b"\x01", "A reserved byte is not 0."),
        ("block-zeros-last", 43, b"\x01", "A reserved byte is not 0."),
        ("stanza-type-0", FIRST, b"\x00\x00", "Type 0."),
        ("stanza-zeros", FIRST + 2, b"\x00\x01", "A reserved byte is not 0."),
        ("stanza-len-0", FIRST + 36, bytes(4), "An empty wrapped DEK."),
        ("stanza-len-beyond", SECOND + 36, struct.pack(">I", 400), "The last stanza ends behind the block."),
        ("stanza-len-huge", FIRST + 36, b"\xff\xff\xff\xff", "A length beyond everything."),
    ):
        yield refused(Draft(name, edit={"block": put(offset, value)}), MALFORMED, "§2.4", about)
    five = [bare_stanza(1, draw(f"kek {i}"), draw(f"wrapped {i}", 384)) for i in range(5)]
    yield refused(Draft("five-stanzas", stanzas=five), MALFORMED, "§2.4", "Five stanzas, all there.")
    for name, offset in (("zeros-first", 144 + 276 + 908), ("zeros-last", 4_095)):
        about = "A byte behind KEYBLOCK is not 0."
        yield refused(Draft(name, edit={"header": put(offset, b"\x01")}), MALFORMED, "§2.5", about)


def _stanzas() -> Iterator[Vector]:
    mine = stanza("primary", draw("dek"), "mine")
    for name, other, about in (
        ("stanza-twice", mine, "The same stanza twice."),
        ("stanza-kek-twice", bare_stanza(7, kek_id("primary"), b"?"), "Two stanzas for one KEK."),
        ("stanza-hybrid-beside", bare_stanza(2, draw("hybrid"), draw("?", 1_536)), "Types 1 and 2 in one block."),
        ("stanza-383-bytes", bare_stanza(1, draw("short"), draw("?", 383)), "An RSA stanza below 3,072 bits."),
        ("stanza-1025-bytes", bare_stanza(1, draw("long"), draw("?", 1_025)), "An RSA stanza above 8,192 bits."),
        ("stanza-4097-bytes", bare_stanza(7, draw("long"), draw("?", 4_097)), "A stanza above 4,096 bytes."),
    ):
        draft = Draft(name, stanzas=[mine, other], header_len=8_192)
        yield refused(draft, MALFORMED, "§2.4", about)


def _tags() -> Iterator[Vector]:
    for name, offset, about in (
        ("flip-kb-salt", 4, "The kb_salt differs."),
        ("flip-kb-seq", 39, "The kb_seq differs."),
        ("flip-other-kek-id", SECOND + 4, "The other recipient's KEK id differs."),
        ("flip-other-wrapped", SECOND + 40, "The other recipient's wrapped DEK differs."),
        ("flip-block-tag", -1, "The tag differs."),
    ):
        yield refused(Draft(name, edit={"tagged": flip(offset)}), AUTHENTICATION, "§2.4", about)
    alone = Draft("recipient-removed", recipients=("primary",)).key_block()
    edit = {"tagged": lambda block: alone[:-16] + block[-16:]}
    yield refused(Draft("recipient-removed", edit=edit), AUTHENTICATION, "§2.4", "The recovery stanza was cut out.")


def _wrapped() -> Iterator[Vector]:
    for name, wrapped, about in (
        ("wrapped-zeros", bytes(384), "Zeros."),
        ("wrapped-above-modulus", b"\xff" * 384, "A number above the modulus."),
        ("wrapped-no-padding", raw_rsa("primary", bytes(351) + b"\1" + draw("wrapped-no-padding/dek")), "No OAEP."),
        ("wrapped-first-byte", raw_rsa("primary", b"\1" + draw("?", 383)), "The first byte is not 0."),
        ("wrapped-16-bytes", _oaep("wrapped-16-bytes", size=16), "A DEK of 16 bytes."),
        ("wrapped-33-bytes", _oaep("wrapped-33-bytes", more=b"\0"), "A DEK of 33 bytes."),
        ("wrapped-empty", _oaep("wrapped-empty", size=0), "An empty DEK."),
        ("wrapped-other-dek", _oaep("another envelope"), "The DEK of another envelope, soundly wrapped."),
        ("wrapped-label", _oaep("wrapped-label", label=b"vlt1"), "An OAEP label."),
        ("wrapped-sha1", _oaep("wrapped-sha1", digest="sha1"), "OAEP with SHA-1."),
        ("wrapped-sha512", _oaep("wrapped-sha512", digest="sha512"), "OAEP with SHA-512."),
        ("wrapped-512-bytes", draw("?", 512), "As long as another modulus."),
        (
            "wrapped-for-stranger",
            oaep_encrypt("stranger", draw("wrapped-for-stranger/dek"), seed=draw("?")),
            "Another key's.",
        ),
    ):
        stanzas = [bare_stanza(1, kek_id("primary"), wrapped), stanza("recovery", draw(f"{name}/dek"), name)]
        yield refused(Draft(name, stanzas=stanzas), UNWRAP, "§5", about)


def _oaep(seed: str, *, size: int = 32, more: bytes = b"", label: bytes = b"", digest: str = "sha256") -> bytes:
    message = draw(f"{seed}/dek")[:size] + more
    return oaep_encrypt("primary", message, seed=draw(f"{seed}/oaep", 64), label=label, digest=digest)


def _recipients() -> Iterator[Vector]:
    stranger = Draft("kek-unknown")
    yield refused(stranger, "UnknownKey", "§5", "The reader's KEK is no recipient.", keks=("stranger",))
    stanzas = [bare_stanza(777, kek_id("primary"), draw("wrapped otherwise", 1_536))]
    about = "The only stanza has type 777."
    yield refused(Draft("type-777-alone", stanzas=stanzas), "UnsupportedEnvelope", "§5", about)
    stanzas = [bare_stanza(777, draw("?"), b"?"), stanza("recovery", draw("type-unknown-first/dek"), "?")]
    draft = Draft("type-unknown-first", stanzas=stanzas)
    yield refused(
        draft, "UnsupportedEnvelope", "§5", "A type the reader does not know, and a type 1 that is not its own."
    )
