from dataclasses import replace

import pytest

from documents.encryption.keyring import RSA_OAEP, RSA_OAEP_ML_KEM, KeyRing
from documents.encryption.wrapping import RsaOpener
from documents.errors import KeyRingError, OpenOnlyKeyRing, SealOnlyKeyRing, UnknownKey
from tests.encryption.keys import KEKS, ORIGIN_KEYS, RING, public_half, ring_holding, upload_tier_ring
from tests.encryption.objects import opened, sealed, sealer

PRIMARY, RECOVERY, STRANGER = (KEKS[name] for name in ("primary", "recovery", "stranger"))
SEAL_ONLY = KeyRing(public_half("primary"), [public_half("recovery")])


def test_every_envelope_is_wrapped_for_primary_and_recovery() -> None:
    assert RING.recipients == (PRIMARY, RECOVERY)
    stored = sealed(b"for both")
    assert opened(stored, ring=ring_holding("primary")) == b"for both"
    assert opened(stored, ring=ring_holding("recovery")) == b"for both"


def test_an_older_kek_opens_and_does_not_seal() -> None:
    before = sealed(b"of last year", ring=KeyRing(STRANGER, [public_half("recovery")]))
    rotated = KeyRing(PRIMARY, [public_half("recovery")], [STRANGER])
    assert opened(before, ring=rotated) == b"of last year"
    assert STRANGER not in rotated.recipients


def test_public_halves_seal_and_do_not_open() -> None:
    stored = sealed(b"drop box", ring=SEAL_ONLY)
    assert (SEAL_ONLY.seal_only, SEAL_ONLY.can_open) == (True, False)
    with pytest.raises(SealOnlyKeyRing):
        opened(stored, ring=SEAL_ONLY)
    assert (RING.seal_only, RING.can_open) == (False, True)
    assert opened(stored) == b"drop box"


def test_openers_are_found_by_type_and_id() -> None:
    ring = ring_holding("primary", "hybrid-primary")
    assert ring.opener_for(RSA_OAEP, PRIMARY.kek_id) is PRIMARY.opener
    assert ring.opener_for(RSA_OAEP, RECOVERY.kek_id) is None
    assert ring.opener_for(RSA_OAEP, bytes(32)) is None
    assert ring.opener_for(RSA_OAEP_ML_KEM, PRIMARY.kek_id) is None
    assert ring.opener_for(RSA_OAEP, KEKS["hybrid-primary"].kek_id) is None
    assert ring.opener_for(RSA_OAEP_ML_KEM, KEKS["hybrid-primary"].kek_id) is KEKS["hybrid-primary"].opener
    assert ring.opens == {PRIMARY.kek_id, KEKS["hybrid-primary"].kek_id}


def test_an_envelope_for_others_names_the_keks_it_wants() -> None:
    stored = sealed(b"not for us", ring=KeyRing(STRANGER, [public_half("recovery")]))
    with pytest.raises(UnknownKey, match=STRANGER.kek_id.hex()[:16]):
        opened(stored, ring=ring_holding("primary"))


def test_a_ring_without_recovery_is_refused() -> None:
    with pytest.raises(KeyRingError, match="no recovery"):
        KeyRing(PRIMARY, [])


def test_primary_and_recovery_are_two() -> None:
    with pytest.raises(KeyRingError, match="also a recovery"):
        KeyRing(PRIMARY, [public_half("primary")])


def test_no_kek_stands_in_a_ring_twice() -> None:
    with pytest.raises(KeyRingError, match="twice"):
        KeyRing(PRIMARY, [RECOVERY], [public_half("primary")])
    with pytest.raises(KeyRingError, match="twice"):
        KeyRing(PRIMARY, [RECOVERY, RECOVERY])


def test_no_more_recipients_than_a_key_block_holds() -> None:
    others = [replace(PRIMARY, kek_id=bytes([i]) * 32) for i in range(4)]
    assert len(KeyRing(PRIMARY, others[:3]).recipients) == 4
    with pytest.raises(KeyRingError, match="at most 4"):
        KeyRing(PRIMARY, others)


def test_an_origin_key_outside_of_its_public_keys_is_refused() -> None:
    origin, other = ORIGIN_KEYS["origin"], ORIGIN_KEYS["other-origin"]
    with pytest.raises(KeyRingError, match="nothing would open"):
        KeyRing(PRIMARY, [RECOVERY], origin_key=origin, origin_public_keys=[other.public_key()])


def test_a_ring_does_not_change() -> None:
    recovery = [RECOVERY]
    ring = KeyRing(PRIMARY, recovery)
    recovery.append(STRANGER)
    assert ring.recipients == (PRIMARY, RECOVERY)
    with pytest.raises(AttributeError):
        ring.primary = STRANGER  # type: ignore[misc]


def test_repr_shows_no_key() -> None:
    sealing = sealer()
    hybrid = KEKS["hybrid-primary"]
    openers = [PRIMARY.opener, PRIMARY.public_half, hybrid.opener, hybrid.public_half]
    shown = repr([RING, PRIMARY, hybrid, *openers, sealing, sealing._sealed])
    assert isinstance(PRIMARY.opener, RsaOpener)
    numbers = PRIMARY.opener.key.private_numbers()
    assert "PrivateKey" not in shown
    assert str(numbers.d) not in shown
    assert repr(sealing._sealed.dek) not in shown
    assert "dek=" not in shown


def test_a_ring_that_cannot_sign_seals_nothing_that_it_would_refuse() -> None:
    with pytest.raises(OpenOnlyKeyRing, match="public half alone"):
        sealed(b"unsigned", ring=ring_holding("primary", origin_keys=("origin",)))
    assert opened(
        sealed(b"signed", ring=upload_tier_ring()), ring=ring_holding("primary", origin_keys=("origin",))
    ) == (b"signed")
