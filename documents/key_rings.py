"""The only place where the key ring is built, or the origin key alone: once per configuration and process."""

from functools import lru_cache

from documents.conf import KeySources
from documents.encryption.keyring import KeyRing
from documents.encryption.origin import OriginKeys
from documents.keysources import load_key_ring, load_origin_keys
from documents.wiring import vault_config


def key_ring() -> KeyRing:
    """Return the key ring; its private keys are loaded once per process. Raises KeyRingError or ConfigurationError."""
    return _key_ring(vault_config().keys)


def origin_keys() -> OriginKeys:
    """Return the origin key without the rest of the ring. Raises KeyRingError or ConfigurationError."""
    return _origin_keys(vault_config().keys)


def reset() -> None:
    """Forget the keys. For tests, and for a process that was told to read its keys again."""
    _key_ring.cache_clear()
    _origin_keys.cache_clear()


@lru_cache(maxsize=4)
def _key_ring(sources: KeySources) -> KeyRing:
    return load_key_ring(sources)


@lru_cache(maxsize=4)
def _origin_keys(sources: KeySources) -> OriginKeys:
    return load_origin_keys(sources)
