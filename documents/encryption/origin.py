"""The origin keys that a process has, and what they sign (FORMAT.md §4.1)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class OriginKeys:
    """``private`` signs, None in a process that only checks; a signature is checked with each of ``public``."""

    private: Ed25519PrivateKey | None = field(default=None, repr=False)
    public: Sequence[Ed25519PublicKey] = field(default=(), repr=False)


def origin_message(context: bytes) -> bytes:
    """The 43 bytes that say: one of this vault's writers made this context."""
    return b"vlt1/origin" + hashlib.sha256(context).digest()
