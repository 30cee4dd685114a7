"""What accounts keep in the database and nobody may read there: second-factor secrets and what sessions hold.

Encrypted with Fernet (AES-128-CBC and HMAC-SHA-256, the specification of the Fernet format) under a key that
HKDF-SHA-256 (RFC 5869) derives from SECRET_KEY. Keys of SECRET_KEY_FALLBACKS still decrypt. Documents have
nothing to do with this: they are sealed under the key ring.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from documents.errors import ConfigurationError


def encrypt_secret(text: str) -> str:
    """Return ``text`` encrypted under SECRET_KEY, as ASCII."""
    return _ciphers(_keys()).encrypt(text.encode()).decode("ascii")


def decrypt_secret(encrypted: bytes | str) -> str:
    """Undo ``encrypt_secret``. Raises ConfigurationError where no key of ours made it."""
    try:
        return _ciphers(_keys()).decrypt(encrypted).decode()
    except InvalidToken as error:
        raise ConfigurationError(
            "A second factor was set up under another SECRET_KEY. Put that one into SECRET_KEY_FALLBACKS, "
            "or delete the authenticator of this account."
        ) from error


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _ciphers(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([_cipher(key) for key in keys])


def _cipher(key: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"document-vault account secrets").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
