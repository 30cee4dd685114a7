"""RSA-OAEP and ML-KEM-768 together: round trips, rewraps from one type to the other, every flipped bit."""

import itertools
import random
import struct
from collections.abc import Iterable

import pytest

from documents.encryption.envelope import open_header, open_row
from documents.encryption.keyring import RSA_OAEP, RSA_OAEP_ML_KEM, KeyRing
from documents.errors import EncryptionError, KeyRingError, SealOnlyKeyRing, UnknownKey, WeakWrap
from tests.encryption.keys import HYBRID_RING, KEKS, RING, public_half, ring_holding
from tests.encryption.objects import opened, sealed, sealer

STORED = sealed(b"for decades", ring=HYBRID_RING)
ENVELOPE = open_header(STORED, HYBRID_RING, expected=None)
# The keys after a rotation: hybrid ones seal, the RSA primary of before opens.
ROTATED = KeyRing(KEKS["hybrid-primary"], [public_half("hybrid-recovery")], [KEKS["primary"]])


def test_every_envelope_is_wrapped_for_both_hybrid_keks() -> None:
    assert ENVELOPE.row.kek_ids == (KEKS["hybrid-primary"].kek_id, KEKS["hybrid-recovery"].kek_id)
    for kek in ("hybrid-primary", "hybrid-recovery"):
        assert opened(STORED, ring=ring_holding(kek)) == b"for decades"
    with pytest.raises(UnknownKey, match=KEKS["hybrid-primary"].kek_id.hex()[:16]):
        opened(STORED, ring=ring_holding("hybrid-stranger", "primary"))


def test_a_hybrid_wrap_has_the_length_that_was_announced_and_differs_each_time() -> None:
    kek = KEKS["hybrid-primary"]
    first, second = (kek.wrap(bytes(32), bytes(144)) for _ in range(2))
    assert len(first) == len(second) == kek.wrapped_size == 384 + 1_136
    assert {first[i : i + 16] for i in range(0, 1_520, 16)}.isdisjoint(second[i : i + 16] for i in range(0, 1_520, 16))
    assert kek.opener
    assert kek.opener.open_dek(first, bytes(144)) == bytes(32)
    assert kek.opener.open_dek(first, bytes(143) + b"\1") != bytes(32)


def test_public_hybrid_halves_seal_and_do_not_open() -> None:
    ring = KeyRing(public_half("hybrid-primary"), [public_half("hybrid-recovery")])
    stored = sealed(b"drop box", ring=ring)
    with pytest.raises(SealOnlyKeyRing):
        opened(stored, ring=ring)
    assert opened(stored, ring=HYBRID_RING) == b"drop box"


def test_a_rewrap_alone_goes_from_rsa_to_hybrid() -> None:
    sealing = sealer()
    row = open_row(sealing.prefix_core, sealing.key_block, ROTATED)
    newer = row.rewrap(ROTATED)
    assert row.prefix_core == sealing.prefix_core
    assert types_of(sealing.key_block) == [RSA_OAEP] * 2
    assert types_of(newer) == [RSA_OAEP_ML_KEM] * 2
    for kek in ("hybrid-primary", "hybrid-recovery"):
        again = open_row(row.prefix_core, newer, ring_holding(kek, weakest_type=RSA_OAEP_ML_KEM))
        assert (again.dek, again.key_block_seq) == (row.dek, 1)
    with pytest.raises(UnknownKey):
        open_row(row.prefix_core, newer, RING)


def types_of(key_block: bytes) -> list[int]:
    types, at = [], 44
    while at < len(key_block) - 16:
        kind, _zeros, _kek_id, size = struct.unpack_from(">HH32sI", key_block, at)
        types.append(kind)
        at += 40 + size
    return types


def test_the_header_keeps_its_rsa_block_which_opens_until_rsa_is_refused() -> None:
    stored = sealed(b"of before")
    newer = open_header(stored, ROTATED, expected=None).row.rewrap(ROTATED)
    strict = ring_holding("hybrid-primary", "primary", weakest_type=RSA_OAEP_ML_KEM)
    assert open_header(stored, RING, expected=None).row.key_block_seq == 0
    assert open_header(stored, strict, expected=None, key_blocks=[newer]).row.key_block == newer
    with pytest.raises(WeakWrap, match=r"more weakly than rsa-oaep-ml-kem-768.*rewrap"):
        open_header(stored, strict, expected=None)


def test_recipients_are_of_one_kind() -> None:
    with pytest.raises(KeyRingError, match=r"primary KEK wraps as rsa-oaep and a recovery KEK as rsa-oaep-ml-kem-768"):
        KeyRing(KEKS["primary"], [KEKS["recovery"], KEKS["hybrid-recovery"]])
    with pytest.raises(KeyRingError, match="undo the stronger"):
        KeyRing(KEKS["hybrid-primary"], [KEKS["recovery"]])
    assert ROTATED.recipients == (KEKS["hybrid-primary"], KEKS["hybrid-recovery"])


def test_nothing_is_sealed_more_weakly_than_is_accepted() -> None:
    with pytest.raises(
        KeyRingError, match="would wrap as rsa-oaep, and the weakest wrap that is accepted is rsa-oaep-ml"
    ):
        KeyRing(KEKS["primary"], [KEKS["recovery"]], weakest_type=RSA_OAEP_ML_KEM)


def test_a_private_key_that_is_too_weak_opens_nothing() -> None:
    ring = KeyRing(
        public_half("hybrid-primary"),
        [public_half("hybrid-recovery")],
        [KEKS["primary"]],
        weakest_type=RSA_OAEP_ML_KEM,
    )
    assert (ring.can_open, ring.opens) == (False, frozenset())
    with pytest.raises(SealOnlyKeyRing, match="more weakly"):
        opened(sealed(b"of before"), ring=ring)


def check_flips(bits: Iterable[tuple[int, int]]) -> int:
    count = 0
    for offset, bit in bits:
        changed = bytearray(STORED)
        changed[offset] ^= 1 << bit
        with pytest.raises(EncryptionError):
            open_header(bytes(changed), HYBRID_RING, expected=None)
        count += 1
    return count


def test_a_flipped_bit_in_every_third_byte_of_the_header_is_refused() -> None:
    rng = random.Random()  # noqa: S311
    offsets = range(rng.randrange(3), ENVELOPE.header_size, 3)
    assert check_flips((offset, rng.randrange(8)) for offset in offsets) == len(offsets) >= 1_365


@pytest.mark.long
def test_every_flipped_bit_of_the_header_is_refused() -> None:
    assert check_flips(itertools.product(range(ENVELOPE.header_size), range(8))) == 8 * 4_096
