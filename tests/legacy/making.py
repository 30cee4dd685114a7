"""Older envelopes, made as their programs made them: with plain calls of cryptography, and nothing of the reader's."""

import base64
import json
import os
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

# What PyCryptodome's PKCS1_OAEP takes unless it is told otherwise.
OAEP_SHA1 = hashes.SHA1()  # noqa: S303
MEMBERS = ("ciphertext", "tag", "nonce", "encrypted_key")


def older_key(name: str = "older") -> rsa.RSAPrivateKey:
    """A private key of an older vault, made once for each name."""
    return _made(name)


@cache
def _made(_name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem_of_older(name: str = "older", *, passphrase: str = "") -> str:
    protection: KeySerializationEncryption = NoEncryption()
    if passphrase:
        protection = BestAvailableEncryption(passphrase.encode())
    return older_key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection).decode()


def members_of(
    plaintext: bytes,
    *,
    key: rsa.RSAPrivateKey | None = None,
    nonce_size: int = 12,
    oaep: hashes.HashAlgorithm | None = None,
    aes_key: bytes | None = None,
) -> dict[str, str]:
    """The four members of an envelope, in base64."""
    secret, nonce = aes_key or os.urandom(32), os.urandom(nonce_size)
    sealed = AESGCM(secret).encrypt(nonce, plaintext, None) if len(secret) == 32 else bytes(len(plaintext) + 16)
    algorithm = oaep or hashes.SHA256()
    wrapped = (
        (key or older_key())
        .public_key()
        .encrypt(secret, padding.OAEP(mgf=padding.MGF1(algorithm), algorithm=algorithm, label=None))
    )
    parts = (sealed[:-16], sealed[-16:], nonce, wrapped)
    return {name: base64.b64encode(part).decode() for name, part in zip(MEMBERS, parts, strict=True)}


def older_envelope(plaintext: bytes, *, key: rsa.RSAPrivateKey | None = None) -> bytes:
    """An envelope as it lay on the disk."""
    return json.dumps(members_of(plaintext, key=key)).encode()
