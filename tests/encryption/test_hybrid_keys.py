"""Hybrid KEKs in PEM: an RSA key and an ML-KEM-768 key in one file, both private or both public."""

import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from documents.encryption.keyring import RSA_OAEP_ML_KEM, generate_kek, generate_origin_key, load_kek
from documents.encryption.vectors.keys import pem_of
from documents.errors import KeyRingError, WrongPassphrase
from tests.encryption.keys import KEKS

HYBRID, RSA = pem_of("hybrid-primary"), pem_of("primary")
PRIVATE = [b"-----BEGIN " + block for block in HYBRID.split(b"-----BEGIN ")[1:]]
PUBLIC = [b"-----BEGIN " + block for block in KEKS["hybrid-primary"].public_pem().split(b"-----BEGIN ")[1:]]


def test_a_new_hybrid_kek_loads_and_its_halves_agree() -> None:
    made = generate_kek(stanza_type=RSA_OAEP_ML_KEM)
    private, public = load_kek(made.private), load_kek(made.public, passphrase=b"not looked at")
    assert private == public
    assert (private.stanza_type, public.stanza_type) == (RSA_OAEP_ML_KEM, RSA_OAEP_ML_KEM)
    assert private.opener is not None
    assert public.opener is None
    assert (private.bits, private.wrapped_size) == (3_072, 384 + 1_136)
    assert private.public_pem() == made.public


def test_a_hybrid_kek_is_named_by_both_of_its_public_keys() -> None:
    keys = [load_pem_public_key(block) for block in PUBLIC]
    both = b"".join(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in keys)
    assert KEKS["hybrid-primary"].kek_id == hashlib.sha256(both).digest()
    assert KEKS["hybrid-primary"].kek_id != load_kek(PUBLIC[0]).kek_id


def test_both_halves_are_encrypted_with_the_passphrase() -> None:
    made = generate_kek(stanza_type=RSA_OAEP_ML_KEM, passphrase=b"right")
    assert made.private.count(b"BEGIN ENCRYPTED PRIVATE KEY") == 2
    assert load_kek(made.private, passphrase=b"right").opener is not None
    for wrong in (None, b"", b"wrong"):
        with pytest.raises(WrongPassphrase):
            load_kek(made.private, passphrase=wrong)
    rsa, ml_kem = (b"-----BEGIN " + block for block in made.private.split(b"-----BEGIN ")[1:])
    with pytest.raises(WrongPassphrase):
        load_kek(PRIVATE[0] + ml_kem)
    with pytest.raises(KeyRingError, match="not encrypted"):
        load_kek(rsa + PRIVATE[1], passphrase=b"right")


@pytest.mark.parametrize(
    "blocks",
    [
        [PRIVATE[1], PRIVATE[0]],
        [PUBLIC[1], PUBLIC[0]],
        [PRIVATE[0], PUBLIC[1]],
        [PUBLIC[0], PRIVATE[1]],
        [PRIVATE[0], PRIVATE[0]],
        [PUBLIC[0], PUBLIC[0]],
        [PRIVATE[1], PRIVATE[1]],
        [PUBLIC[1], PUBLIC[1]],
        [*PRIVATE, *PUBLIC],
        [*PRIVATE, PRIVATE[1]],
        [PRIVATE[0], generate_origin_key().private],
        [PUBLIC[0], generate_origin_key().public],
    ],
)
def test_other_pairs_of_blocks_are_refused(blocks: list[bytes]) -> None:
    with pytest.raises(KeyRingError, match="two PEM blocks"):
        load_kek(b"".join(blocks))


@pytest.mark.parametrize("pem", [PRIVATE[1], PUBLIC[1]])
def test_an_ml_kem_key_alone_is_no_kek(pem: bytes) -> None:
    with pytest.raises(KeyRingError, match="an RSA key and an ML-KEM-768 key; this"):
        load_kek(pem)


def test_a_damaged_half_is_told_and_not_quoted() -> None:
    damaged = b"-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n"
    for pem in (PRIVATE[0] + damaged, damaged + PRIVATE[1]):
        with pytest.raises(KeyRingError, match="copied whole") as caught:
            load_kek(pem)
        assert "TUlJ" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_an_rsa_pem_is_read_as_before() -> None:
    assert load_kek(RSA) == KEKS["primary"]
    assert load_kek(b"Bag Attributes\r\n" + RSA.replace(b"\n", b"\r\n")) == KEKS["primary"]


def test_there_is_no_kek_of_an_unknown_type() -> None:
    with pytest.raises(ValueError, match="no stanza type 3"):
        generate_kek(stanza_type=3)
