"""A KEK: the RSA pair that wraps DEKs (FORMAT.md §1, §5)."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.errors import KeyRingError, WeakKey

MIN_BITS = 3_072  # FORMAT.md §5
MAX_BITS = 8_192


class KeyPairPem(NamedTuple):
    """A new pair in PEM: PKCS #8 and SubjectPublicKeyInfo."""

    private: bytes
    public: bytes


@dataclass(frozen=True, slots=True)
class Kek:
    """A KEK, with or without its private half. Two are equal when their ids are; the repr shows the id alone."""

    kek_id: bytes
    public_key: RSAPublicKey = field(repr=False, compare=False)
    private_key: RSAPrivateKey | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, public_key: RSAPublicKey, private_key: RSAPrivateKey | None = None) -> Self:
        """Name the pair by its public half. Raises WeakKey, or KeyRingError for another size out of limits."""
        if public_key.key_size < MIN_BITS:
            raise WeakKey(f"An RSA key of {public_key.key_size} bits is too weak; a KEK has at least {MIN_BITS}.")
        if public_key.key_size > MAX_BITS or public_key.key_size % 8:
            raise KeyRingError(f"A KEK has {MIN_BITS} to {MAX_BITS} bits in whole bytes, not {public_key.key_size}.")
        return cls(kek_id_of(public_key), public_key, private_key)

    @property
    def wrapped_size(self) -> int:
        """Bytes of a DEK wrapped under this KEK: the length of its modulus."""
        return self.public_key.key_size // 8


def kek_id_of(public_key: RSAPublicKey) -> bytes:
    """SHA-256 of the DER SubjectPublicKeyInfo (FORMAT.md §1)."""
    digest = Hash(SHA256())
    digest.update(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize()
