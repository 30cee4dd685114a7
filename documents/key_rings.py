"""The only place where the key ring is built, or the origin key alone: once per configuration and process.

A process notices that a key file was added, removed or replaced, and reads its keys again: rotation needs no restart.
"""

from functools import lru_cache

from documents.conf import KeySources
from documents.encryption.keyring import KeyRing
from documents.encryption.origin import OriginKeys
from documents.keyservice import attached
from documents.keyservice.attached import held_elsewhere, openers_elsewhere
from documents.keysources import load_key_ring, load_origin_keys, signature_of
from documents.wiring import vault_config


def key_ring() -> KeyRing:
    """Return the key ring as the key files are now; each state of them is loaded once per process.

    Where a key service is configured, it opens for the KEKs that it holds; whether it answers matters to who opens,
    and not here. Raises KeyRingError or ConfigurationError.
    """
    sources = vault_config().keys
    signature = signature_of(sources)
    held = held_elsewhere(sources.service, signature) if sources.service else None
    return _key_ring(sources, signature, held)


def origin_keys() -> OriginKeys:
    """Return the origin key without the rest of the ring. Raises KeyRingError or ConfigurationError."""
    return _origin_keys(vault_config().keys)


def reset() -> None:
    """Forget the keys. For tests, and for a process that was told to read its keys again."""
    attached.reset()
    _key_ring.cache_clear()
    _origin_keys.cache_clear()


@lru_cache(maxsize=4)
def _key_ring(sources: KeySources, _signature: tuple[object, ...], held: frozenset[bytes] | None) -> KeyRing:
    if sources.service is None:
        return load_key_ring(sources)
    return load_key_ring(sources, elsewhere=openers_elsewhere(sources.service, held))


@lru_cache(maxsize=4)
def _origin_keys(sources: KeySources) -> OriginKeys:
    return load_origin_keys(sources)
