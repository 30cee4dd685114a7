"""The private keys of an older vault, out of PEM. No error quotes a key or a passphrase."""

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from documents.errors import KeyRingError, WrongPassphrase

PrivateKeys = tuple[RSAPrivateKey, ...]

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


def load_private_keys(pem: str, *, passphrase: str = "") -> PrivateKeys:
    """Return the private keys of one PEM file, one or several one after another; () for an empty text.

    RSA of any size that the library takes: an older vault's key is for opening alone, and what it opened can be sealed
    anew under one that is strong. Raises WrongPassphrase, and KeyRingError where something else is in there.
    """
    if not pem:
        return ()
    blocks = [found[0] for found in _BLOCK.finditer(pem)]
    if not blocks:
        raise KeyRingError("There is no private key in PEM.")
    return tuple(_load(block, passphrase) for block in blocks)


def _load(block: str, passphrase: str) -> RSAPrivateKey:
    is_encrypted = "ENCRYPTED" in block
    try:
        key = load_pem_private_key(block.encode(), passphrase.encode() if passphrase and is_encrypted else None)
    except TypeError:
        raise WrongPassphrase("The private key is encrypted; its passphrase is missing.") from None
    except (ValueError, UnsupportedAlgorithm):
        if is_encrypted:
            raise WrongPassphrase("The private key does not open with this passphrase, or it is damaged.") from None
        raise KeyRingError("The private key cannot be read.") from None
    if not isinstance(key, RSAPrivateKey):
        raise KeyRingError("The older envelope needs an RSA key; this private key is of another kind.")
    return key
