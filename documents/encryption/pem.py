"""Loading and making KEKs and origin keys in PEM. No error quotes a key or a passphrase."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
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

from documents.encryption.kek import MIN_BITS, Kek, KeyPairPem
from documents.errors import KeyRingError, WrongPassphrase

_PUBLIC_EXPONENT = 65_537


def load_kek(pem: bytes, *, passphrase: bytes | None = None) -> Kek:
    """A KEK from the PEM of its private or public half; a passphrase is not looked at for a public one,
    and an empty one is none.

    Raises WrongPassphrase where it is missing or wrong, WeakKey below 3,072 bits, and KeyRingError where this is no
    RSA key or a passphrase is given for a private key that is not encrypted.
    """
    if b"PRIVATE KEY-----" in pem:
        private_key = _private_key(pem, passphrase)
        if not isinstance(private_key, rsa.RSAPrivateKey):
            raise KeyRingError("A KEK is an RSA key; this private key is of another kind.")
        return Kek.of(private_key.public_key(), private_key)
    public_key = _public_key(pem)
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise KeyRingError("A KEK is an RSA key; this public key is of another kind.")
    return Kek.of(public_key)


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


def generate_kek(*, bits: int = MIN_BITS, passphrase: bytes | None = None) -> KeyPairPem:
    """A new RSA pair, the private half encrypted where there is a passphrase. Takes seconds at 4,096 bits."""
    if bits < MIN_BITS:
        raise ValueError(f"a KEK has at least {MIN_BITS} bits")
    return _pair(rsa.generate_private_key(_PUBLIC_EXPONENT, bits), passphrase)


def generate_origin_key(*, passphrase: bytes | None = None) -> KeyPairPem:
    """A new Ed25519 pair, the private half encrypted where there is a passphrase."""
    return _pair(Ed25519PrivateKey.generate(), passphrase)


def _pair(private_key: rsa.RSAPrivateKey | Ed25519PrivateKey, passphrase: bytes | None) -> KeyPairPem:
    encryption: KeySerializationEncryption = (
        NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    )
    return KeyPairPem(
        private=private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption),
        public=private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


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
