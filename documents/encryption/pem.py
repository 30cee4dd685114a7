"""Loading and making KEKs and origin keys in PEM. No error quotes a key or a passphrase."""

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from documents.encryption.hybrid import HybridPublicHalf, hybrid_kek
from documents.encryption.kek import MIN_BITS, Kek, KeyPairPem
from documents.encryption.keyblock import RSA_OAEP, RSA_OAEP_ML_KEM
from documents.encryption.wrapping import rsa_kek
from documents.errors import KeyRingError, WrongPassphrase

_PUBLIC_EXPONENT = 65_537
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def load_kek(pem: bytes, *, passphrase: bytes | None = None) -> Kek:
    """A KEK from the PEM of its private or public half; a passphrase is not looked at for a public one,
    and an empty one is none. One block is an RSA key; two are a hybrid KEK, the RSA key first, then the ML-KEM-768 key.

    Raises WrongPassphrase where it is missing or wrong, WeakKey below 3,072 bits, and KeyRingError where this is no
    KEK or a passphrase is given for a private key that is not encrypted.
    """
    blocks = [block.group() for block in _BLOCK.finditer(pem)]
    if len(blocks) > 1:
        return _load_hybrid(blocks, passphrase)
    if b"PRIVATE KEY-----" in pem:
        private_key = _rsa_private_key(pem, passphrase)
        return rsa_kek(private_key.public_key(), private_key)
    return rsa_kek(_rsa_public_key(pem))


def _load_hybrid(blocks: list[bytes], passphrase: bytes | None) -> Kek:
    private = [b"PRIVATE KEY-----" in block for block in blocks]
    if private == [True, True]:
        rsa_private, ml_kem_private = (_private_key(block, passphrase) for block in blocks)
        if isinstance(rsa_private, rsa.RSAPrivateKey) and isinstance(ml_kem_private, MLKEM768PrivateKey):
            public = HybridPublicHalf(rsa_private.public_key(), ml_kem_private.public_key())
            return hybrid_kek(public, rsa_private, ml_kem_private)
    if private == [False, False]:
        rsa_public, ml_kem_public = (_public_key(block) for block in blocks)
        if isinstance(rsa_public, rsa.RSAPublicKey) and isinstance(ml_kem_public, MLKEM768PublicKey):
            return hybrid_kek(HybridPublicHalf(rsa_public, ml_kem_public), None, None)
    raise KeyRingError(
        "A hybrid KEK is two PEM blocks, both private or both public: an RSA key, then an ML-KEM-768 key."
    )


def load_origin_key(pem: bytes, *, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """An origin private key. Raises WrongPassphrase, KeyRingError."""
    private_key = _private_key(pem, passphrase)
    if not isinstance(private_key, Ed25519PrivateKey):
        raise KeyRingError("An origin key is an Ed25519 key; this private key is of another kind.")
    return private_key


def load_origin_public_key(pem: bytes) -> Ed25519PublicKey:
    """An origin public key. Raises KeyRingError."""
    public_key = _public_key(pem)
    if not isinstance(public_key, Ed25519PublicKey):
        raise KeyRingError("An origin key is an Ed25519 key; this public key is of another kind.")
    return public_key


def generate_kek(*, bits: int = MIN_BITS, passphrase: bytes | None = None, stanza_type: int = RSA_OAEP) -> KeyPairPem:
    """A new pair that wraps in this type, the private half encrypted where there is a passphrase.

    ``bits`` are those of the RSA key, which takes seconds at 4,096. Raises ValueError for too few, and for a type that
    there is not.
    """
    if bits < MIN_BITS:
        raise ValueError(f"a KEK has at least {MIN_BITS} bits")
    if stanza_type not in (RSA_OAEP, RSA_OAEP_ML_KEM):
        raise ValueError(f"there is no stanza type {stanza_type}")
    pair = _pair(rsa.generate_private_key(_PUBLIC_EXPONENT, bits), passphrase)
    if stanza_type == RSA_OAEP:
        return pair
    ml_kem = _pair(MLKEM768PrivateKey.generate(), passphrase)
    return KeyPairPem(private=pair.private + ml_kem.private, public=pair.public + ml_kem.public)


def generate_origin_key(*, passphrase: bytes | None = None) -> KeyPairPem:
    """A new Ed25519 pair, the private half encrypted where there is a passphrase."""
    return _pair(Ed25519PrivateKey.generate(), passphrase)


def _pair(
    private_key: rsa.RSAPrivateKey | MLKEM768PrivateKey | Ed25519PrivateKey, passphrase: bytes | None
) -> KeyPairPem:
    encryption: KeySerializationEncryption = (
        NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    )
    return KeyPairPem(
        private=private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption),
        public=private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


def _rsa_private_key(pem: bytes, passphrase: bytes | None) -> rsa.RSAPrivateKey:
    private_key = _private_key(pem, passphrase)
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise KeyRingError(
            "A KEK is an RSA key, or an RSA key and an ML-KEM-768 key; this private key is of another kind."
        )
    return private_key


def _rsa_public_key(pem: bytes) -> rsa.RSAPublicKey:
    public_key = _public_key(pem)
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise KeyRingError(
            "A KEK is an RSA key, or an RSA key and an ML-KEM-768 key; this public key is of another kind."
        )
    return public_key


def _private_key(pem: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    # The library's errors are not chained: their text is not ours to vouch for.
    try:
        return load_pem_private_key(pem, passphrase or None)
    except TypeError:  # how the library says that a passphrase is missing, or is there without need
        if not passphrase:
            raise WrongPassphrase("The private key is encrypted and no passphrase is configured for it.") from None
        raise KeyRingError(
            "A passphrase is configured, but the private key is not encrypted. Remove the one or encrypt the other."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        if passphrase:
            raise WrongPassphrase(
                "The private key does not open: its passphrase is wrong, or its PEM is damaged."
            ) from None
        raise KeyRingError("The private key is not a readable PEM. Check that it was copied whole.") from None


def _public_key(pem: bytes) -> PublicKeyTypes:
    try:
        return load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRingError("The public key is not a readable PEM. Check that it was copied whole.") from None
