"""RSA-OAEP-SHA-256, stanza type 1 (FORMAT.md §5)."""

import os

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from documents.encryption.derivation import DEK_SIZE


def _padding() -> OAEP:
    return OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


def wrap_dek(public_key: RSAPublicKey, dek: bytes) -> bytes:
    """Wrap the DEK; the result is as long as the modulus and differs every time."""
    return public_key.encrypt(dek, _padding())


def decrypt_oaep(private_key: RSAPrivateKey, wrapped: bytes) -> bytes | None:
    """Whatever was wrapped, or None where the ciphertext is not one for this KEK."""
    try:
        return private_key.decrypt(wrapped, _padding())
    except ValueError:
        return None


def unwrap_dek(private_key: RSAPrivateKey, wrapped: bytes) -> bytes:
    """Return 32 bytes in every case: the DEK, or random ones where unwrapping failed.

    The commitment then refuses the random ones like any wrong DEK, so that neither an answer nor its time tells a bad
    padding from a bad DEK (FORMAT.md §5, "One failure for all").
    """
    substitute = os.urandom(DEK_SIZE)
    dek = decrypt_oaep(private_key, wrapped)
    return dek if dek is not None and len(dek) == DEK_SIZE else substitute
