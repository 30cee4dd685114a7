"""The fixed test-only KEKs, loaded once: making RSA pairs is slow."""

from documents.encryption.keyring import RSA_OAEP, Kek, KeyRing, load_kek, load_origin_key
from documents.encryption.vectors.keys import HYBRID_NAMES, KEK_NAMES, ORIGIN_NAMES, pem_of

KEKS: dict[str, Kek] = {name: load_kek(pem_of(name)) for name in (*KEK_NAMES, *HYBRID_NAMES)}
ORIGIN_KEYS = {name: load_origin_key(pem_of(name)) for name in ORIGIN_NAMES}
RING = KeyRing(KEKS["primary"], [KEKS["recovery"]])
HYBRID_RING = KeyRing(KEKS["hybrid-primary"], [KEKS["hybrid-recovery"]])


def public_half(name: str) -> Kek:
    return KEKS[name].opened_by(None)


def upload_tier_ring() -> KeyRing:
    """Public KEKs alone, and the origin key: it seals and opens nothing."""
    origin = ORIGIN_KEYS["origin"]
    return KeyRing(
        public_half("primary"), [public_half("recovery")], origin_key=origin, origin_public_keys=[origin.public_key()]
    )


def ring_holding(*private: str, origin_keys: tuple[str, ...] = (), weakest_type: int = RSA_OAEP) -> KeyRing:
    """A ring in which these KEKs have their private half, and the other ones not. It seals for hybrid KEKs if asked
    for any of them, and opens with all."""
    held = {name: kek if name in private else public_half(name) for name, kek in KEKS.items()}
    hybrid = weakest_type > RSA_OAEP or not {*HYBRID_NAMES}.isdisjoint(private)
    primary, recovery, *others = (*HYBRID_NAMES, *KEK_NAMES) if hybrid else (*KEK_NAMES, *HYBRID_NAMES)
    return KeyRing(
        held[primary],
        [held[recovery]],
        [held[name] for name in others],
        origin_public_keys=[ORIGIN_KEYS[name].public_key() for name in origin_keys],
        weakest_type=weakest_type,
    )
