"""Project Wycheproof's vectors through the vault's own wrappers: what the primitives do at their edges."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from documents.encryption.aead import Aead
from documents.encryption.derivation import hkdf
from documents.encryption.keyring import load_kek
from documents.encryption.wrapping import RsaOpener, decrypt_oaep
from documents.errors import AuthenticationFailed, WeakKey
from tests.encryption.wycheproof import from_hex, groups


def test_aes_gcm() -> None:
    counts = {"valid": 0, "invalid": 0}
    for group in groups("Cipher/wycheproof/aes_gcm_test.json"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue  # the envelope has no other sizes
        for test in group["tests"]:
            key, nonce, aad, plaintext, ciphertext, tag = from_hex(test, "key", "iv", "aad", "msg", "ct", "tag")
            check_aead(Aead(key), nonce, aad, plaintext, ciphertext + tag, valid=test["result"] == "valid")
            counts[test["result"]] += 1
    assert counts == {"valid": 39, "invalid": 27}


def check_aead(cipher: Aead, nonce: bytes, aad: bytes, plaintext: bytes, sealed: bytes, *, valid: bool) -> None:
    out = memoryview(bytearray(b"?" * len(plaintext)))
    if not valid:
        with pytest.raises(AuthenticationFailed):
            cipher.open(nonce, sealed, aad)
        if not aad:
            with pytest.raises(AuthenticationFailed):
                cipher.open_into(nonce, sealed, out)
            assert bytes(out) == bytes(len(plaintext))
        return
    assert cipher.seal(nonce, plaintext, aad) == sealed
    assert cipher.open(nonce, sealed, aad) == plaintext
    if not aad:
        again = memoryview(bytearray(len(sealed)))
        cipher.seal_into(nonce, plaintext, again)
        cipher.open_into(nonce, sealed, out)
        assert (bytes(again), bytes(out)) == (sealed, plaintext)


def test_hkdf_sha256() -> None:
    count = 0
    for group in groups("Protocol/wycheproof/hkdf_sha256_test.json"):
        for test in group["tests"]:
            key, salt, info, expected = from_hex(test, "ikm", "salt", "info", "okm")
            if test["result"] == "valid":
                assert hkdf(key, salt, info, size=test["size"]) == expected
            else:
                with pytest.raises(ValueError, match="larger than"):
                    hkdf(key, salt, info, size=test["size"])
            count += 1
    assert count == 86


def rsa_key(group: dict[str, Any]) -> RSAPrivateKey:
    opener = load_kek(group["privateKeyPem"].encode()).opener
    assert isinstance(opener, RsaOpener)
    return opener.key


@pytest.mark.parametrize("bits", [3072, 4096])
def test_rsa_oaep_sha256(bits: int) -> None:
    (group,) = groups(f"Cipher/wycheproof/rsa_oaep_{bits}_sha256_mgf1sha256_test.json")
    private_key = rsa_key(group)
    opened = 0
    for test in group["tests"]:
        message, wrapped = from_hex(test, "msg", "ct")
        # The envelope has no label, so what was encrypted with one is refused like a wrong padding.
        expected = message if test["result"] == "valid" and not test["label"] else None
        assert decrypt_oaep(private_key, wrapped) == expected, test["tcId"]
        dek = RsaOpener(private_key).open_dek(wrapped, b"")
        assert len(dek) == 32
        assert (dek == message) == (expected is not None and len(message) == 32)
        opened += expected is not None
    assert opened >= 10


@pytest.mark.parametrize("bits", [3072, 4096])
def test_rsa_oaep_with_another_mgf_is_refused(bits: int) -> None:
    (group,) = groups(f"Cipher/wycheproof/rsa_oaep_{bits}_sha256_mgf1sha1_test.json")
    private_key = rsa_key(group)
    wrapped = [bytes.fromhex(test["ct"]) for test in group["tests"]]
    assert [decrypt_oaep(private_key, each) for each in wrapped] == [None] * len(wrapped)


def test_rsa_of_2048_bits_is_refused() -> None:
    (group,) = groups("Cipher/wycheproof/rsa_oaep_2048_sha256_mgf1sha256_test.json")
    with pytest.raises(WeakKey, match="2048"):
        load_kek(group["privateKeyPem"].encode())
