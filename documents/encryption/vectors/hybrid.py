"""Envelopes whose DEK is wrapped with RSA-OAEP and ML-KEM-768, and faults in that."""

from collections.abc import Iterator
from dataclasses import replace

from documents.encryption.vectors.case import Vector, opens, refused
from documents.encryption.vectors.hybrid_faults import wrongly_wrapped
from documents.encryption.vectors.hybrid_writer import PAIR, hybrid_draft, stanza_of, wrap
from documents.encryption.vectors.keys import kek_id, oaep_encrypt
from documents.encryption.vectors.writer import Draft, bare_stanza, draw, flip, stanza

MALFORMED, UNSUPPORTED, UNKNOWN = "MalformedEnvelope", "UnsupportedEnvelope", "UnknownKey"
UNWRAP, AUTHENTICATION = "UnwrapFailed", "AuthenticationFailed"
MINE, BOTH = (PAIR[0],), (PAIR[0], "primary")


def cases() -> Iterator[Vector]:
    """Vectors of §5.2, §5.3 and what type 2 adds to §2.4 and §7.1: one fault each or none."""
    yield from _sound()
    yield from _lengths()
    for draft, about in wrongly_wrapped():
        yield refused(draft, UNWRAP, "§5.2", about, keks=MINE, without_type_2=UNSUPPORTED)
    yield from _types()
    yield from _outside()
    yield from _weaker()


def _sound() -> Iterator[Vector]:
    for kek in PAIR:
        about = f"Both recipients are hybrid KEKs; the reader is {kek}."
        yield opens(hybrid_draft(Draft(f"hybrid-for-{kek}")), "§5.2", about, keks=(kek,), without_type_2=UNSUPPORTED)
    for name, offset, about in (
        ("hybrid-flip-other-c1", 44 + 1_560 + 40, "A bit of the other recipient's wrapped DEK differs."),
        ("hybrid-flip-tag", -1, "The tag of the block differs."),
    ):
        draft = replace(hybrid_draft(Draft(name)), edit={"tagged": flip(offset)})
        yield refused(draft, AUTHENTICATION, "§2.4", about, keks=MINE, without_type_2=UNSUPPORTED)


def _lengths() -> Iterator[Vector]:
    for size in (384, 1_519, 2_161):
        draft = Draft(f"hybrid-{size}-bytes", stanzas=[bare_stanza(2, kek_id(PAIR[0]), draw("?", size))])
        yield refused(draft, MALFORMED, "§2.4", f"A stanza of type 2 with {size} bytes.", keks=MINE)


def _types() -> Iterator[Vector]:
    draft = Draft("type-1-under-a-hybrid-id")
    oaep = oaep_encrypt(PAIR[0], draft.dek, seed=draw("?"))
    yield refused(
        replace(draft, stanzas=[bare_stanza(1, kek_id(PAIR[0]), oaep)]),
        UNKNOWN,
        "§5",
        "Type 1 under the id of a hybrid KEK, soundly wrapped with its RSA key: the reader holds no such KEK.",
        keks=MINE,
    )
    about = "Type 2 under the id of an RSA KEK: the reader holds no such KEK."
    draft = Draft("type-2-alone", stanzas=[bare_stanza(2, kek_id("primary"), draw("wrapped otherwise", 1_536))])
    yield refused(draft, UNKNOWN, "§5", about, without_type_2=UNSUPPORTED)
    about = "The reader's KEK is no recipient."
    stranger = hybrid_draft(Draft("hybrid-kek-unknown"))
    yield refused(stranger, UNKNOWN, "§5", about, keks=("hybrid-stranger",), without_type_2=UNSUPPORTED)
    for name, backwards in (("hybrid-before-rsa", False), ("rsa-before-hybrid", True)):
        draft = Draft(name)
        mixed = [stanza_of(wrap(draft)), stanza("primary", draft.dek, name)]
        draft = replace(draft, stanzas=mixed[::-1] if backwards else mixed)
        yield refused(draft, MALFORMED, "§2.4", "Types 1 and 2 in one block, both sound.", keks=BOTH)


def _outside() -> Iterator[Vector]:
    """The header's block is of type 1, as a rewrap leaves it."""
    draft = Draft("hybrid-outside")
    newer = hybrid_draft(draft).key_block(seq=1)
    about = "Type 1 in the header, type 2 outside; the reader has the hybrid KEK alone."
    yield opens(draft, "§7.1", about, keks=MINE, key_blocks=[newer], without_type_2=UNKNOWN)
    damaged = Draft("hybrid-outside-header-damaged", edit={"tagged": flip(4)})
    newer = hybrid_draft(Draft(damaged.seed)).key_block(seq=1)
    about = "The block outside opens; the header's block of type 1 was changed."
    yield refused(
        damaged,
        AUTHENTICATION,
        "§7.1",
        about,
        keks=MINE,
        key_blocks=[newer],
        weakest_type=2,
        without_type_2=UNSUPPORTED,
    )


def _weaker() -> Iterator[Vector]:
    draft = Draft("weaker-refused")
    yield refused(
        draft, UNSUPPORTED, "§5.3", "The reader holds a KEK of a type below its weakest.", keks=BOTH, weakest_type=2
    )
    for name, weakest, without in (("weaker-in-the-header", 2, UNSUPPORTED), ("weaker-accepted", 1, None)):
        draft = Draft(name)
        newer = hybrid_draft(draft).key_block(seq=1)
        about = f"Type 1 in the header, type 2 outside, weakest type {weakest}; the reader has both KEKs."
        yield opens(draft, "§5.3", about, keks=BOTH, key_blocks=[newer], weakest_type=weakest, without_type_2=without)
    draft = hybrid_draft(Draft("weaker-outside-is-newer"))
    older = Draft(draft.seed).key_block(seq=7)
    about = "Type 2 in the header, a newer block of type 1 outside: it is passed over."
    yield opens(draft, "§5.3", about, keks=BOTH, key_blocks=[older], weakest_type=2, without_type_2=UNSUPPORTED)
    draft = Draft("weaker-beside-a-strangers")
    newer = hybrid_draft(draft, ("hybrid-stranger",)).key_block(seq=1)
    about = "Type 1 in the header, type 2 for somebody else outside: the weaker one is not fallen back to."
    yield refused(draft, UNSUPPORTED, "§5.3", about, keks=BOTH, key_blocks=[newer], weakest_type=2)
