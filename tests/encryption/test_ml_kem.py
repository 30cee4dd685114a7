"""ML-KEM-768: Wycheproof's vectors through the vault's own wrapper and through the vectors' own encapsulation."""

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from documents.encryption.hybrid import decapsulate
from documents.encryption.vectors.ml_kem import encapsulate
from tests.encryption.wycheproof import from_hex, groups

FOLDER = "Protocol/wycheproof"


def test_decapsulation() -> None:
    counts = {"sound": 0, "another length": 0, "no seed": 0}
    for group in groups(f"{FOLDER}/mlkem_768_test.json"):
        for test in group["tests"]:
            seed, ciphertext, secret = from_hex(test, "seed", "c", "K")
            if len(seed) != 64:
                with pytest.raises(ValueError, match="seed"):
                    MLKEM768PrivateKey.from_seed_bytes(seed)
                counts["no seed"] += 1
                continue
            private_key = MLKEM768PrivateKey.from_seed_bytes(seed)
            if test["result"] == "valid":
                assert private_key.public_key().public_bytes_raw().hex() == test["ek"]
                assert decapsulate(private_key, ciphertext) == secret, test["tcId"]
                counts["sound"] += 1
            else:
                first, second = decapsulate(private_key, ciphertext), decapsulate(private_key, ciphertext)
                assert len(ciphertext) != 1_088
                assert first != second
                assert len(first) == len(second) == 32
                counts["another length"] += 1
    assert counts["sound"] == 161
    assert sum(counts.values()) == 201
    assert min(counts.values()) >= 10


def test_the_encapsulation_of_the_vectors_is_that_of_the_standard() -> None:
    checked = refused = 0
    for group in groups(f"{FOLDER}/mlkem_768_encaps_test.json"):
        for test in group["tests"]:
            public_key, m = from_hex(test, "ek", "m")
            if test["result"] == "valid":
                # Every fourth: it is slow on purpose.
                if checked % 4 == 0:
                    assert [value.hex() for value in encapsulate(public_key, m)] == [test["K"], test["c"]]
                checked += 1
            elif len(m) == 32:
                with pytest.raises(ValueError, match="ML-KEM"):
                    MLKEM768PublicKey.from_public_bytes(public_key)
                refused += 1
    assert (checked, refused >= 12) == (133, True)


def test_what_the_library_encapsulates_decapsulates_to_the_same() -> None:
    private_key = MLKEM768PrivateKey.generate()
    public_key = private_key.public_key()
    secrets = set()
    for _ in range(5):
        secret, ciphertext = public_key.encapsulate()
        assert decapsulate(private_key, ciphertext) == secret
        secrets.add(secret)
    secret, ciphertext = encapsulate(public_key.public_bytes_raw(), bytes(32))
    assert decapsulate(private_key, ciphertext) == secret
    assert len(secrets) == 5
