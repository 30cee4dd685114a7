"""Stanzas of type 2 for the vectors, in which every step can be spoilt alone (FORMAT.md §5.2)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from documents.encryption.vectors.keys import ML_KEM_KEYS, kek_id, oaep_encrypt
from documents.encryption.vectors.ml_kem import encapsulate
from documents.encryption.vectors.writer import Draft, bare_stanza, draw, gcm, hkdf

PAIR = ("hybrid-primary", "hybrid-recovery")


@dataclass(frozen=True)
class Wrap:
    """One DEK wrapped for a hybrid KEK; ``replace`` spoils a step, and ``w`` is then made soundly over it."""

    kek: str
    dek: bytes
    s1: bytes
    c1: bytes
    s2: bytes
    c2: bytes
    info: bytes
    aad: bytes
    nonce: bytes = bytes(12)

    @property
    def w(self) -> bytes:
        """48 bytes."""
        return gcm(hkdf(self.s1 + self.s2, b"", self.info), self.nonce, self.dek, self.aad)

    @property
    def wrapped(self) -> bytes:
        """c1 ‖ c2 ‖ w."""
        return self.c1 + self.c2 + self.w


def public_key_of(kek: str) -> bytes:
    """The ML-KEM public key of a test-only hybrid KEK, 1,184 bytes."""
    return ML_KEM_KEYS[kek].public_key().public_bytes_raw()


def info_of(kek: str, c1: bytes, c2: bytes) -> bytes:
    """The info of W, as it should be."""
    ml_kem_digest = hashlib.sha256(public_key_of(kek)).digest()
    return b"vlt1/kem-rsa-mlkem768" + kek_id(kek) + ml_kem_digest + hashlib.sha256(c1 + c2).digest()


def wrap(draft: Draft, kek: str = PAIR[0]) -> Wrap:
    """Wrap the draft's DEK soundly; its seed and the KEK draw the secrets."""
    seed = f"{draft.seed}/{kek}"
    s1 = draw(f"{seed}/s1")
    c1 = oaep_encrypt(kek, s1, seed=draw(f"{seed}/oaep"))
    s2, c2 = encapsulate(public_key_of(kek), draw(f"{seed}/m"))
    return Wrap(kek, draft.dek, s1, c1, s2, c2, info_of(kek, c1, c2), draft.context)


def rebound(sound: Wrap, *, s1: bytes | None = None, c1: bytes | None = None) -> Wrap:
    """The same with another s1 or c1, and the info that belongs to it."""
    other = replace(sound, s1=sound.s1 if s1 is None else s1, c1=sound.c1 if c1 is None else c1)
    return replace(other, info=info_of(other.kek, other.c1, other.c2))


def stanza_of(sound: Wrap) -> bytes:
    """A stanza of type 2."""
    return bare_stanza(2, kek_id(sound.kek), sound.wrapped)


def hybrid_draft(draft: Draft, recipients: Sequence[str] = PAIR) -> Draft:
    """The draft, its DEK wrapped soundly for these hybrid KEKs."""
    return replace(draft, stanzas=[stanza_of(wrap(draft, kek)) for kek in recipients])


def spoilt_draft(name: str, spoil: Callable[[Wrap], bytes]) -> Draft:
    """An envelope in which what is wrapped for the primary is ``spoil`` of what it should be; the other is sound."""
    draft = Draft(name)
    first = bare_stanza(2, kek_id(PAIR[0]), spoil(wrap(draft)))
    return replace(draft, stanzas=[first, stanza_of(wrap(draft, PAIR[1]))])
