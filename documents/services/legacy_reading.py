"""Opening documents that still lie in the older JSON envelope: with the older vault's keys, and then this vault's."""

import hashlib
import hmac
from functools import lru_cache

from documents.conf.legacy import LegacyConfig
from documents.encryption.keyblock import RSA_OAEP
from documents.encryption.wrapping import RsaOpener
from documents.errors import (
    AuthenticationFailed,
    ConfigurationError,
    EncryptionError,
    KeyRingError,
    ObjectTooLarge,
    UnknownKey,
    UnwrapFailed,
    WeakWrap,
)
from documents.key_rings import key_ring
from documents.legacy.keys import PrivateKeys, load_private_keys
from documents.legacy.opening import LegacyDocument, open_legacy
from documents.models import SealedObject
from documents.storage.base import ObjectReader, StorageProvider
from documents.wiring import vault_config


def open_older(data: bytes | bytearray) -> LegacyDocument:
    """Open an older envelope with the keys that are configured. Raises as ``open_legacy`` does, and KeyRingError."""
    config = vault_config().legacy
    return open_legacy(data, (*_older_keys(config), *_own_keys()), fields=config.fields, padding=config.padding)


def read_whole(reader: ObjectReader, *, limit: int) -> bytearray:
    """Return all that an open object holds. Raises ObjectTooLarge beyond ``limit`` bytes before anything is read."""
    if reader.info.size > limit:
        raise ObjectTooLarge(
            f"It has {reader.info.size:,} bytes, and VAULT_LEGACY_MAX_SIZE allows {limit:,}",
            key=reader.info.key,
            hint="Raise it where there is memory: about four times as much is needed",
        )
    data, filled = bytearray(reader.info.size), 0
    while filled < len(data) and (count := reader.readinto(memoryview(data)[filled:])):
        filled += count
    return data


def demand_weak_wraps() -> None:
    """Raises WeakWrap where the vault is told to accept nothing that is wrapped by RSA alone, as older envelopes are.

    They are not read in place then. An operator may have them sealed all the same: that ends it.
    """
    if not key_ring().accepts(RSA_OAEP):
        raise WeakWrap(
            "Documents in the older envelope are wrapped by RSA alone, which VAULT_WEAKEST_WRAP refuses. Seal them: "
            "manage.py adopt_documents --reseal."
        )


def open_in_place(row: SealedObject, provider: StorageProvider) -> bytes:
    """Return the plaintext of an attachment that is read in place; all of it is in memory.

    The object has to be, byte for byte, the one that was registered: else AuthenticationFailed. Raises UnknownKey where
    the key that opened it then is not here now, KeyRingError, and StorageError.
    """
    with provider.open(row.storage_path) as reader:
        if reader.info.size != row.sealed_size:
            raise AuthenticationFailed("The object has another length than the one that was registered here.")
        data = read_whole(reader, limit=row.sealed_size)
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), row.digest):
        raise AuthenticationFailed("The object is not the one that was registered here.")
    try:
        plaintext = open_older(data).plaintext
    except UnwrapFailed as error:
        raise UnknownKey(
            f"The key of this document is not here any more: the private key {row.kek_id[:16]} of the older vault. Put "
            "it back into VAULT_LEGACY_KEY."
        ) from error
    if len(plaintext) != row.size:
        raise AuthenticationFailed("The document has another length than the one that was registered here.")
    return plaintext


@lru_cache(maxsize=4)
def _older_keys(config: LegacyConfig) -> PrivateKeys:
    """Loaded once per process."""
    try:
        return load_private_keys(config.key_pem, passphrase=config.passphrase)
    except KeyRingError as error:
        raise type(error)(f"VAULT_LEGACY_KEY: {error}") from error


def _own_keys() -> PrivateKeys:
    """Of the key ring. A vault may have gone on with the key that the older one had."""
    try:
        ring = key_ring()
    except (ConfigurationError, EncryptionError):
        return ()
    openers = [kek.opener for kek in (*ring.recipients, *ring.older)]
    return tuple(opener.key for opener in openers if isinstance(opener, RsaOpener))
