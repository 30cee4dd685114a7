"""The KEKs of this process, and who may do what with them (FORMAT.md §5, §6, §4.1).

``pem`` loads and makes the keys; its functions are offered here too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from documents.encryption.kek import DekOpener, Kek, KeyPairPem
from documents.encryption.keyblock import MAX_STANZAS, RSA_OAEP, RSA_OAEP_ML_KEM, WRAP_TYPES, wrap_name
from documents.encryption.pem import (
    generate_kek,
    generate_origin_key,
    load_kek,
    load_origin_key,
    load_origin_public_key,
)
from documents.errors import KeyRingError, OpenOnlyKeyRing, SealOnlyKeyRing

__all__ = [
    "RSA_OAEP",
    "RSA_OAEP_ML_KEM",
    "WRAP_TYPES",
    "DekOpener",
    "Kek",
    "KeyPairPem",
    "KeyRing",
    "generate_kek",
    "generate_origin_key",
    "load_kek",
    "load_origin_key",
    "load_origin_public_key",
]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys of one vault that this process has. Immutable; its repr shows KEK ids and no key.

    Every new envelope is wrapped for ``primary`` and all of ``recovery``, which are of one stanza type; ``older`` KEKs
    only open, and may be of any. Nothing is wrapped or unwrapped in a weaker type than ``weakest_type``. With an
    ``origin_key`` every new envelope is signed; with ``origin_public_keys`` an envelope that none of them signed is
    refused. Raises KeyRingError where the keys do not make a ring.
    """

    primary: Kek
    recovery: Sequence[Kek]
    older: Sequence[Kek] = ()
    origin_key: Ed25519PrivateKey | None = field(default=None, repr=False)
    origin_public_keys: Sequence[Ed25519PublicKey] = field(default=(), repr=False)
    weakest_type: int = RSA_OAEP

    def __post_init__(self) -> None:
        for name in ("recovery", "older", "origin_public_keys"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.recovery:
            raise KeyRingError(
                "The key ring has no recovery KEK. Every document is wrapped for one: add its public key."
            )
        if len(self.recipients) > MAX_STANZAS:
            raise KeyRingError(
                f"An envelope has at most {MAX_STANZAS} recipients; the ring has {len(self.recipients)}."
            )
        if self.primary in self.recovery:
            raise KeyRingError("The primary KEK is also a recovery KEK. Make a pair of its own for recovery.")
        keks = (*self.recipients, *self.older)
        if len({kek.kek_id for kek in keks}) < len(keks):
            raise KeyRingError("The key ring holds the same KEK twice.")
        self._check_types()
        if self.origin_key and self.origin_public_keys and self.origin_key.public_key() not in self.origin_public_keys:
            raise KeyRingError("The origin key's public half is not among the origin public keys: nothing would open.")

    def _check_types(self) -> None:
        if others := [kek for kek in self.recovery if kek.stanza_type != self.primary.stanza_type]:
            raise KeyRingError(
                f"The primary KEK wraps as {wrap_name(self.primary.stanza_type)} and a recovery KEK as "
                f"{wrap_name(others[0].stanza_type)}: the weaker one would undo the stronger. Make both of one kind."
            )
        if self.primary.stanza_type < self.weakest_type:
            raise KeyRingError(
                f"The key ring would wrap as {wrap_name(self.primary.stanza_type)}, and the weakest wrap that is "
                f"accepted is {wrap_name(self.weakest_type)}. Make stronger pairs, or accept the weaker wrap."
            )

    @property
    def recipients(self) -> tuple[Kek, ...]:
        """The KEKs that every new envelope is wrapped for, primary first."""
        return (self.primary, *self.recovery)

    @property
    def can_open(self) -> bool:
        """Whether there is anything that opens: a private half here, or a key service."""
        return bool(self.opens)

    @property
    def opens(self) -> frozenset[bytes]:
        """The ids of the KEKs whose wrapped DEKs this ring can unwrap and accepts."""
        keks = (*self.recipients, *self.older)
        return frozenset(kek.kek_id for kek in keks if kek.opener and self.accepts(kek.stanza_type))

    def accepts(self, stanza_type: int) -> bool:
        """Whether a stanza of this type is strong enough to be looked at."""
        return stanza_type >= self.weakest_type

    @property
    def seal_only(self) -> bool:
        """Whether there are public halves alone."""
        return not self.can_open

    def require_private_keys(self) -> None:
        """Raise SealOnlyKeyRing where this ring can open nothing."""
        if self.seal_only:
            raise SealOnlyKeyRing(
                "The key ring can seal documents and not open them: it holds public keys alone, or private ones that "
                "wrap more weakly than is accepted."
            )

    def require_sealing(self) -> None:
        """Raise OpenOnlyKeyRing where readers ask for a signature that this ring cannot make: nothing would open it."""
        if self.origin_public_keys and self.origin_key is None:
            raise OpenOnlyKeyRing(
                "The key ring holds the origin key's public half alone. It can open documents and not seal any."
            )

    def opener_for(self, stanza_type: int, kek_id: bytes) -> DekOpener | None:
        """What unwraps a stanza of this type for this KEK; None where nothing here does.

        A stanza of another type than its KEK has is for nobody.
        """
        keks = (*self.recipients, *self.older)
        return next((kek.opener for kek in keks if (kek.stanza_type, kek.kek_id) == (stanza_type, kek_id)), None)

    def sign_origin(self, message: bytes) -> bytes | None:
        """The origin signature for a new envelope, or None in a ring without an origin key."""
        return self.origin_key.sign(message) if self.origin_key else None

    def accepts_origin(self, signature: bytes | None, message: bytes) -> bool:
        """Whether one of the origin public keys made the signature, or there are none to ask."""
        if not self.origin_public_keys:
            return True
        return signature is not None and any(_verifies(key, signature, message) for key in self.origin_public_keys)


def _verifies(public_key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        public_key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
