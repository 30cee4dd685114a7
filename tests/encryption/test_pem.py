from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from documents.encryption.keyring import (
    KeyPairPem,
    generate_kek,
    generate_origin_key,
    load_kek,
    load_origin_key,
    load_origin_public_key,
)
from documents.encryption.vectors.keys import KEKS as VECTOR_KEKS
from documents.encryption.vectors.keys import pem_of
from documents.errors import KeyRingError, WeakKey, WrongPassphrase
from tests.encryption.keys import KEKS

PRIMARY = KEKS["primary"]


def pem_pair(private_key: RSAPrivateKey | ec.EllipticCurvePrivateKey) -> KeyPairPem:
    return KeyPairPem(
        private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


@cache
def encrypted_pem() -> bytes:
    private_key = VECTOR_KEKS["primary"]
    return private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"correct"))


def test_a_new_kek_loads_with_its_passphrase_and_its_halves_agree() -> None:
    made = generate_kek(passphrase=b"battery staple")
    private = load_kek(made.private, passphrase=b"battery staple")
    public = load_kek(made.public, passphrase=b"not looked at")
    assert private == public
    assert private.opener is not None
    assert public.opener is None
    assert (private.bits, private.wrapped_size) == (3_072, 384)
    assert b"ENCRYPTED" in made.private


def test_a_kek_is_named_by_its_public_half() -> None:
    assert len(PRIMARY.kek_id) == 32
    assert load_kek(PRIMARY.public_pem()).kek_id == PRIMARY.kek_id
    assert PRIMARY.public_pem() == pem_pair(VECTOR_KEKS["primary"]).public


def test_a_new_kek_is_never_weak() -> None:
    with pytest.raises(ValueError, match="3072"):
        generate_kek(bits=2048)


def test_missing_and_wrong_passphrases_are_told_apart_from_other_faults() -> None:
    assert load_kek(encrypted_pem(), passphrase=b"correct") == PRIMARY
    for wrong in (None, b"wrong", b""):
        with pytest.raises(WrongPassphrase):
            load_kek(encrypted_pem(), passphrase=wrong)
    with pytest.raises(KeyRingError, match="not encrypted") as caught:
        load_kek(pem_of("primary"), passphrase=b"needless")
    assert type(caught.value) is KeyRingError


@pytest.mark.parametrize("bits", [1024, 2048])
def test_weak_keys_are_refused(bits: int) -> None:
    pair = pem_pair(rsa.generate_private_key(65_537, bits))
    for pem in pair:
        with pytest.raises(WeakKey, match=str(bits)):
            load_kek(pem)


def test_a_modulus_of_odd_length_is_refused() -> None:
    pair = pem_pair(rsa.generate_private_key(65_537, 3_076))
    with pytest.raises(KeyRingError, match="3076"):
        load_kek(pair.public)


def test_keys_of_another_kind_are_refused() -> None:
    curve, origin = pem_pair(ec.generate_private_key(ec.SECP256R1())), generate_origin_key()
    for pem in (*curve, *origin):
        with pytest.raises(KeyRingError, match="another kind"):
            load_kek(pem)
    with pytest.raises(KeyRingError, match="another kind"):
        load_origin_key(curve.private)
    with pytest.raises(KeyRingError, match="another kind"):
        load_origin_public_key(curve.public)


def test_origin_keys_load_and_agree() -> None:
    made = generate_origin_key(passphrase=b"pass")
    private = load_origin_key(made.private, passphrase=b"pass")
    assert private.public_key() == load_origin_public_key(made.public)
    with pytest.raises(WrongPassphrase):
        load_origin_key(made.private)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nTUlJ\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n",
    ],
)
def test_a_damaged_pem_is_named_and_not_quoted(pem: bytes) -> None:
    with pytest.raises(KeyRingError, match="copied whole") as caught:
        load_kek(pem)
    assert "TUlJ" not in str(caught.value)


def test_errors_carry_no_text_of_the_library() -> None:
    with pytest.raises(KeyRingError) as caught:
        load_kek(pem_of("primary")[:900])
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_two_keks_are_equal_when_their_ids_are() -> None:
    assert PRIMARY.opened_by(None) == PRIMARY
    assert KEKS["recovery"] != PRIMARY
