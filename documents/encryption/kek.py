"""A KEK: the pair that wraps DEKs, named by its public half (FORMAT.md §1, §5).

``wrapping`` (RSA) and ``hybrid`` (RSA with ML-KEM) make them; ``pem`` reads them out of files.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from documents.errors import KeyRingError, WeakKey

MIN_BITS = 3_072  # FORMAT.md §5
MAX_BITS = 8_192


class KeyPairPem(NamedTuple):
    """A new pair in PEM: PKCS #8 and SubjectPublicKeyInfo; of a hybrid pair the RSA key first, then the ML-KEM key."""

    private: bytes
    public: bytes


class PublicHalf(Protocol):
    """What wraps for one KEK. ``wrapped_size`` is the bytes that every result of ``wrap`` has; ``bits`` are RSA's."""

    @property
    def bits(self) -> int: ...
    @property
    def wrapped_size(self) -> int: ...
    def wrap(self, dek: bytes, context: bytes) -> bytes: ...
    def pem(self) -> bytes: ...


class DekOpener(Protocol):
    """What unwraps for one KEK: a private key in this process, or somebody who holds it elsewhere."""

    def open_dek(self, wrapped: bytes, context: bytes) -> bytes:
        """Return 32 bytes in every case: the DEK, or random ones where ``wrapped`` was not made for this KEK.

        The commitment refuses the random ones like any wrong DEK, so that neither an answer nor its time tells how
        unwrapping failed (FORMAT.md §5, "One failure for all"). ``wrapped`` may have any length. Raises only where the
        opener itself is not there: a key service that does not answer.
        """


@dataclass(frozen=True, slots=True)
class Kek:
    """A KEK, with what opens its wrapped DEKs or without. Two are equal when their ids are; the repr shows no key.

    An id belongs to one stanza type, since it covers the whole public half.
    """

    kek_id: bytes
    stanza_type: int = field(compare=False)
    public_half: PublicHalf = field(repr=False, compare=False)
    opener: DekOpener | None = field(default=None, repr=False, compare=False)

    def wrap(self, dek: bytes, context: bytes) -> bytes:
        """Wrap the DEK of the envelope that has this context: ``wrapped_size`` bytes, others every time."""
        return self.public_half.wrap(dek, context)

    @property
    def bits(self) -> int:
        """The length of the RSA modulus, in bits."""
        return self.public_half.bits

    @property
    def wrapped_size(self) -> int:
        """Bytes of a DEK wrapped under this KEK."""
        return self.public_half.wrapped_size

    def public_pem(self) -> bytes:
        """The public half in PEM, as ``load_kek`` reads it."""
        return self.public_half.pem()

    def opened_by(self, opener: DekOpener | None) -> Self:
        """This KEK with another opener; with None, its public half alone."""
        return replace(self, opener=opener)


def check_modulus(public_key: RSAPublicKey) -> None:
    """Raise WeakKey for an RSA key below 3,072 bits, KeyRingError for another size out of limits (FORMAT.md §5)."""
    if public_key.key_size < MIN_BITS:
        raise WeakKey(f"An RSA key of {public_key.key_size} bits is too weak; a KEK has at least {MIN_BITS}.")
    if public_key.key_size > MAX_BITS or public_key.key_size % 8:
        raise KeyRingError(f"A KEK has {MIN_BITS} to {MAX_BITS} bits in whole bytes, not {public_key.key_size}.")
