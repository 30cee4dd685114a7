"""Faults in what is wrapped for a hybrid KEK: changed, exchanged, or made otherwise than FORMAT.md §5.2 says."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from documents.encryption.vectors.hybrid_writer import PAIR, Wrap, public_key_of, rebound, spoilt_draft, wrap
from documents.encryption.vectors.keys import kek_id, oaep_encrypt, raw_rsa
from documents.encryption.vectors.ml_kem import encapsulate
from documents.encryption.vectors.writer import Draft, draw, flip, put

C2, W = 384, 384 + 1_088  # where they begin in what is wrapped for RSA-3072


def wrongly_wrapped() -> Iterator[tuple[Draft, str]]:
    """Envelopes whose first stanza does not unwrap to the DEK, and what is wrong with it."""
    yield from _changed()
    yield from _exchanged()
    yield from _made_wrongly()


def _changed() -> Iterator[tuple[Draft, str]]:
    for name, spoil, about in (
        ("hybrid-as-another-modulus", lambda sound: draw("?", 512) + sound.c2 + sound.w, "c1 of another modulus."),
        ("hybrid-zeros", lambda sound: bytes(len(sound.wrapped)), "Zeros."),
        ("hybrid-c1-zeros", lambda sound: bytes(C2) + sound.c2 + sound.w, "c1 is zeros."),
        ("hybrid-c1-above-modulus", lambda sound: b"\xff" * C2 + sound.c2 + sound.w, "c1 is above the modulus."),
        ("hybrid-c1-flipped", lambda sound: flip(C2 - 1)(sound.wrapped), "A bit of c1 differs."),
        ("hybrid-c2-flipped-first", lambda sound: flip(C2)(sound.wrapped), "The first bit of c2 differs."),
        ("hybrid-c2-flipped-last", lambda sound: flip(W - 1, 7)(sound.wrapped), "The last bit of c2 differs."),
        ("hybrid-c2-zeros", lambda sound: put(C2, bytes(1_088))(sound.wrapped), "c2 is zeros."),
        ("hybrid-w-flipped", lambda sound: flip(W)(sound.wrapped), "A bit of the sealed DEK differs."),
        ("hybrid-w-tag-flipped", lambda sound: flip(-1)(sound.wrapped), "A bit of the tag of w differs."),
    ):
        yield spoilt_draft(name, spoil), about


def _exchanged() -> Iterator[tuple[Draft, str]]:
    def elsewhere(sound: Wrap) -> Wrap:
        return wrap(Draft("another envelope"), sound.kek)

    for name, spoil, about in (
        ("hybrid-c1-exchanged", lambda sound: put(0, elsewhere(sound).c1)(sound.wrapped), "c1 of another envelope."),
        ("hybrid-c2-exchanged", lambda sound: put(C2, elsewhere(sound).c2)(sound.wrapped), "c2 of another envelope."),
        ("hybrid-w-exchanged", lambda sound: put(W, elsewhere(sound).w)(sound.wrapped), "w of another envelope."),
        ("hybrid-other-envelope", lambda sound: elsewhere(sound).wrapped, "All of another envelope."),
        (
            "hybrid-other-dek",
            lambda sound: replace(sound, dek=draw("another")).wrapped,
            "Another DEK, soundly wrapped.",
        ),
        ("hybrid-other-rsa-key", lambda sound: _other_rsa(sound).wrapped, "c1 for the stranger's RSA key."),
        ("hybrid-other-ml-kem-key", lambda sound: _other_ml_kem(sound).wrapped, "c2 for the stranger's ML-KEM key."),
    ):
        yield spoilt_draft(name, spoil), about


def _other_rsa(sound: Wrap) -> Wrap:
    return rebound(sound, c1=oaep_encrypt("hybrid-stranger", sound.s1, seed=draw("?")))


def _other_ml_kem(sound: Wrap) -> Wrap:
    s2, c2 = encapsulate(public_key_of("hybrid-stranger"), draw("?"))
    return rebound(replace(sound, s2=s2, c2=c2))


def _made_wrongly() -> Iterator[tuple[Draft, str]]:
    ml_kem = hashlib.sha256(public_key_of(PAIR[0])).digest()
    for name, spoil, about in (
        ("hybrid-s1-31-bytes", lambda sound: _other_s1(sound, sound.s1[:31]), "s1 has 31 bytes."),
        ("hybrid-s1-33-bytes", lambda sound: _other_s1(sound, sound.s1 + b"\0"), "s1 has 33 bytes."),
        ("hybrid-s1-empty", lambda sound: _other_s1(sound, b""), "s1 is empty."),
        ("hybrid-c1-no-padding", lambda sound: rebound(sound, c1=raw_rsa(PAIR[0], sound.s1)), "c1 without OAEP."),
        ("hybrid-c1-label", lambda sound: _other_s1(sound, sound.s1, label=b"vlt1"), "An OAEP label."),
        ("hybrid-c1-sha1", lambda sound: _other_s1(sound, sound.s1, digest="sha1"), "OAEP with SHA-1."),
        ("hybrid-rsa-alone", lambda sound: replace(sound, s2=b""), "W of s1 alone."),
        ("hybrid-ml-kem-alone", lambda sound: replace(sound, s1=b""), "W of s2 alone."),
        ("hybrid-secrets-swapped", lambda sound: replace(sound, s1=sound.s2, s2=sound.s1), "W of s2 ‖ s1."),
        ("hybrid-info-empty", lambda sound: replace(sound, info=b""), "W without info."),
        (
            "hybrid-info-other-kek",
            lambda sound: _other_info(sound, kek_id(PAIR[0]), kek_id(PAIR[1])),
            "Another KEK id.",
        ),
        (
            "hybrid-info-other-ml-kem",
            lambda sound: _other_info(sound, ml_kem, bytes(32)),
            "Another ML-KEM key in info.",
        ),
        ("hybrid-info-no-ciphertexts", lambda sound: replace(sound, info=sound.info[:-32]), "c1 and c2 not in info."),
        ("hybrid-aad-empty", lambda sound: replace(sound, aad=b""), "w does not bind the context."),
        ("hybrid-nonce-1", lambda sound: replace(sound, nonce=bytes(11) + b"\1"), "Another nonce."),
    ):
        yield spoilt_draft(name, lambda sound, spoil=spoil: spoil(sound).wrapped), about  # type: ignore[misc]


def _other_s1(sound: Wrap, s1: bytes, *, label: bytes = b"", digest: str = "sha256") -> Wrap:
    c1 = oaep_encrypt(sound.kek, s1, seed=draw("?", 64), label=label, digest=digest)
    return rebound(sound, s1=s1, c1=c1)


def _other_info(sound: Wrap, part: bytes, other: bytes) -> Wrap:
    return replace(sound, info=sound.info.replace(part, other))
