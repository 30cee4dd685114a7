"""RSA-OAEP-SHA-256, stanza type 1 (FORMAT.md §5)."""

import hashlib
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.encryption.derivation import DEK_SIZE
from documents.encryption.kek import Kek, check_modulus
from documents.encryption.keyblock import RSA_OAEP

_PADDING = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


def encrypt_oaep(public_key: RSAPublicKey, secret: bytes) -> bytes:
    """Encrypt 32 bytes; the result is as long as the modulus and differs every time."""
    return public_key.encrypt(secret, _PADDING)


def decrypt_oaep(private_key: RSAPrivateKey, wrapped: bytes) -> bytes | None:
    """Whatever was encrypted, or None where the ciphertext is not one for this key."""
    try:
        return private_key.decrypt(wrapped, _PADDING)
    except ValueError:
        return None


def decrypt_secret(private_key: RSAPrivateKey, wrapped: bytes) -> bytes:
    """32 bytes in every case: those that were encrypted, or random ones."""
    substitute = os.urandom(DEK_SIZE)
    secret = decrypt_oaep(private_key, wrapped)
    return secret if secret is not None and len(secret) == DEK_SIZE else substitute


@dataclass(frozen=True, slots=True)
class RsaPublicHalf:
    """Wraps with an RSA public key; the context is not bound."""

    key: RSAPublicKey = field(repr=False)

    @property
    def bits(self) -> int:
        """The length of the modulus, in bits."""
        return self.key.key_size

    @property
    def wrapped_size(self) -> int:
        """Bytes of a wrapped DEK: the length of the modulus."""
        return self.bits // 8

    def wrap(self, dek: bytes, context: bytes) -> bytes:  # noqa: ARG002  (type 1 binds no context)
        """Wrap the DEK."""
        return encrypt_oaep(self.key, dek)

    def pem(self) -> bytes:
        """One SubjectPublicKeyInfo."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class RsaOpener:
    """Unwraps with an RSA private key in this process."""

    key: RSAPrivateKey = field(repr=False)

    def open_dek(self, wrapped: bytes, context: bytes) -> bytes:  # noqa: ARG002  (type 1 binds no context)
        """The DEK, or 32 random bytes."""
        return decrypt_secret(self.key, wrapped)


def rsa_kek(public_key: RSAPublicKey, private_key: RSAPrivateKey | None = None) -> Kek:
    """A KEK of type 1. Raises WeakKey, or KeyRingError for another size out of limits."""
    check_modulus(public_key)
    opener = RsaOpener(private_key) if private_key else None
    return Kek(hashlib.sha256(spki(public_key)).digest(), RSA_OAEP, RsaPublicHalf(public_key), opener)


def spki(public_key: RSAPublicKey) -> bytes:
    """The DER SubjectPublicKeyInfo, which KEK ids are made of (FORMAT.md §1)."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
