"""The fixed test-only KEKs, loaded once: making RSA pairs is slow."""

from documents.encryption.keyring import Kek, KeyRing, load_kek, load_origin_key
from documents.encryption.vectors.keys import ORIGIN_NAMES, pem_of

KEKS: dict[str, Kek] = {name: load_kek(pem_of(name)) for name in ("primary", "recovery", "stranger")}
ORIGIN_KEYS = {name: load_origin_key(pem_of(name)) for name in ORIGIN_NAMES}
RING = KeyRing(KEKS["primary"], [KEKS["recovery"]])


def public_half(name: str) -> Kek:
    return Kek.of(KEKS[name].public_key)


def upload_tier_ring() -> KeyRing:
    """Public KEKs alone, and the origin key: it seals and opens nothing."""
    origin = ORIGIN_KEYS["origin"]
    return KeyRing(
        public_half("primary"), [public_half("recovery")], origin_key=origin, origin_public_keys=[origin.public_key()]
    )


def ring_holding(*private: str, origin_keys: tuple[str, ...] = ()) -> KeyRing:
    """A ring in which these KEKs have their private half, and the other ones not."""
    primary, recovery, stranger = (
        KEKS[name] if name in private else public_half(name) for name in ("primary", "recovery", "stranger")
    )
    public_keys = [ORIGIN_KEYS[name].public_key() for name in origin_keys]
    return KeyRing(primary, [recovery], [stranger], origin_public_keys=public_keys)
