"""The fixed test-only keys of the vectors, and RSA-OAEP with a chosen seed, which makes wrapping repeatable.

Published with their private halves: never seal a document for them.
"""

import base64
import hashlib
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

KEK_NAMES = ("primary", "recovery", "stranger")
HYBRID_NAMES = ("hybrid-primary", "hybrid-recovery", "hybrid-stranger")
ORIGIN_NAMES = ("origin", "other-origin")


def pem_of(name: str) -> bytes:
    """The private half of a test-only key, in PEM and not encrypted. FileNotFoundError for another name."""
    return (Path(__file__).parent / f"test-only-{name}.pem").read_bytes()


def _half(name: str, index: int) -> bytes:
    """The RSA key of a hybrid KEK, or its ML-KEM key: one PEM block of the two."""
    blocks = pem_of(name).split(b"-----BEGIN ")
    return b"-----BEGIN " + blocks[1 + index]


# The RSA keys, those of hybrid KEKs among them.
KEKS = {name: cast("RSAPrivateKey", load_pem_private_key(pem_of(name), None)) for name in KEK_NAMES} | {
    name: cast("RSAPrivateKey", load_pem_private_key(_half(name, 0), None)) for name in HYBRID_NAMES
}
ML_KEM_KEYS = {name: cast("MLKEM768PrivateKey", load_pem_private_key(_half(name, 1), None)) for name in HYBRID_NAMES}
ORIGIN_KEYS = {name: cast("Ed25519PrivateKey", load_pem_private_key(pem_of(name), None)) for name in ORIGIN_NAMES}


def kek_id(name: str) -> bytes:
    """SHA-256 of the DER SubjectPublicKeyInfo, of both in a hybrid KEK (FORMAT.md §1)."""
    der, form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    spki = KEKS[name].public_key().public_bytes(der, form)
    if name in ML_KEM_KEYS:
        spki += ML_KEM_KEYS[name].public_key().public_bytes(der, form)
    return hashlib.sha256(spki).digest()


def sign(name: str, message: bytes) -> str:
    """An Ed25519 signature in base64 (FORMAT.md §4.1)."""
    return base64.b64encode(ORIGIN_KEYS[name].sign(message)).decode()


def oaep_encrypt(name: str, message: bytes, *, seed: bytes, label: bytes = b"", digest: str = "sha256") -> bytes:
    """RSAES-OAEP-ENCRYPT (RFC 8017 §7.1.1) with ``seed`` in the place of random bytes."""
    numbers = KEKS[name].public_key().public_numbers()
    size = KEKS[name].key_size // 8
    label_hash = hashlib.new(digest, label).digest()
    seed = seed[: len(label_hash)]
    filler = bytes(size - 2 * len(label_hash) - 2 - len(message))
    data = label_hash + filler + b"\x01" + message
    masked_data = _xor(data, _mgf1(seed, len(data), digest))
    masked_seed = _xor(seed, _mgf1(masked_data, len(seed), digest))
    number = int.from_bytes(masked_seed + masked_data, "big")
    return pow(number, numbers.e, numbers.n).to_bytes(size, "big")


def raw_rsa(name: str, padded: bytes) -> bytes:
    """RSAEP alone (RFC 8017 §5.1.1), for paddings that are none."""
    numbers = KEKS[name].public_key().public_numbers()
    return pow(int.from_bytes(padded, "big"), numbers.e, numbers.n).to_bytes(KEKS[name].key_size // 8, "big")


def _mgf1(seed: bytes, size: int, digest: str) -> bytes:
    mask = b""
    while len(mask) < size:
        counter = len(mask) // hashlib.new(digest).digest_size
        mask += hashlib.new(digest, seed + counter.to_bytes(4, "big")).digest()
    return mask[:size]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
