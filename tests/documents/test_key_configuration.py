"""Configuration of keys: files, the environment, and what is said of keys that cannot be used."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.conf import WEAKEST_WRAPS
from documents.encryption.keyring import RSA_OAEP, RSA_OAEP_ML_KEM, WRAP_TYPES, generate_kek
from documents.encryption.vectors.keys import pem_of
from documents.errors import ConfigurationError, KeyRingError, VaultError, WeakKey, WrongPassphrase
from documents.keysources import load_key_ring
from tests.documents.configuring import Configure
from tests.keyring import public_pem, write_keys


def test_the_directory_of_keys(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path)
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "2020.pem").write_bytes(public_pem("stranger"))

    ring = load_key_ring(configure().keys)

    assert ring.can_open
    assert len(ring.recipients) == 2
    assert len(ring.older) == 1
    assert "PRIVATE" not in repr(ring)


def test_keys_out_of_the_environment(configure: Configure) -> None:
    one_line = {
        "VAULT_PRIMARY_KEK": pem_of("primary").decode().replace("\n", "\\n"),
        "VAULT_RECOVERY_KEK": public_pem("recovery").decode(),
        "VAULT_ORIGIN_KEY": pem_of("origin").decode(),
    }

    assert load_key_ring(configure(**one_line).keys).can_open


def test_public_keys_alone_make_a_ring_that_seals_only(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path, seal_only=True)

    assert load_key_ring(configure().keys).seal_only


def test_the_weakest_wrap_is_rsa_until_it_is_told(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path)
    assert load_key_ring(configure().keys).weakest_type == RSA_OAEP
    with pytest.raises(KeyRingError, match="would wrap as rsa-oaep, and the weakest"):
        load_key_ring(configure(VAULT_WEAKEST_WRAP="rsa-oaep-ml-kem-768").keys)

    write_keys(tmp_path, primary="hybrid-primary", recovery="hybrid-recovery", older="primary")
    ring = load_key_ring(configure(VAULT_WEAKEST_WRAP="rsa-oaep-ml-kem-768").keys)
    assert ring.weakest_type == RSA_OAEP_ML_KEM
    assert ring.opens == {ring.primary.kek_id}
    assert len(load_key_ring(configure().keys).opens) == 2


def test_a_primary_and_a_recovery_key_of_two_kinds_are_refused(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path, primary="hybrid-primary")

    with pytest.raises(KeyRingError, match="Make both of one kind"):
        load_key_ring(configure().keys)


def test_settings_know_every_wrap_that_there_is() -> None:
    assert tuple(WRAP_TYPES) == WEAKEST_WRAPS


def test_a_mistyped_wrap_names_its_variable(configure: Configure) -> None:
    with pytest.raises(ConfigurationError, match=r"VAULT_WEAKEST_WRAP is 'ml-kem'. Set it to rsa-oaep or rsa-oaep-ml"):
        configure(VAULT_WEAKEST_WRAP="ml-kem")


def spoil(directory: Path, case: str) -> dict[str, str]:
    """Break the keys in one way; returns the variables that belong to it."""
    primary = directory / "primary.pem"
    match case:
        case "missing":
            primary.unlink()
        case "readable by others":
            primary.chmod(0o644)
        case "weak":
            key = rsa.generate_private_key(65537, 2048).public_key()
            primary.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        case "wrong passphrase" | "no passphrase":
            primary.write_bytes(generate_kek(passphrase=b"right").private)
            return {"VAULT_KEK_PASSPHRASE": "wrong-canary" if case == "wrong passphrase" else ""}
        case "garbage":
            primary.write_bytes(b"-----BEGIN PUBLIC KEY-----\ncanary\n-----END PUBLIC KEY-----\n")
        case "the recovery key itself":
            primary.write_bytes(pem_of("recovery"))
    return {}


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("missing", ConfigurationError),
        ("readable by others", KeyRingError),
        ("weak", WeakKey),
        ("wrong passphrase", WrongPassphrase),
        ("no passphrase", WrongPassphrase),
        ("garbage", KeyRingError),
        ("the recovery key itself", KeyRingError),
    ],
)
def test_keys_that_cannot_be_used_say_why_and_never_what_they_are(
    configure: Configure, tmp_path: Path, case: str, error: type[VaultError]
) -> None:
    write_keys(tmp_path)
    variables = spoil(tmp_path, case)

    with pytest.raises(error) as raised:
        load_key_ring(configure(**variables).keys)

    assert "canary" not in str(raised.value)
    if case != "the recovery key itself":
        assert "primary.pem" in str(raised.value)


@pytest.mark.parametrize("from_file", [False, True])
def test_a_dollar_in_front_of_a_secret_is_part_of_it(configure: Configure, tmp_path: Path, *, from_file: bool) -> None:
    (tmp_path / "passphrase").write_text("$uperSecret\n")
    (tmp_path / "passphrase").chmod(0o600)
    given = (
        {"VAULT_KEK_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
        if from_file
        else {"VAULT_KEK_PASSPHRASE": "$uperSecret"}
    )

    assert configure(uperSecret="of another variable", **given).keys.passphrase == "$uperSecret"


def test_a_key_that_cannot_be_read_is_named(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path)
    (tmp_path / "primary.pem").unlink()
    (tmp_path / "primary.pem").symlink_to(tmp_path / "origin.pem" / "below-a-file")
    with pytest.raises(ConfigurationError, match=r"primary\.pem"):
        load_key_ring(configure().keys)

    (tmp_path / "older").mkdir()
    (tmp_path / "primary.pem").unlink()
    write_keys(tmp_path)
    (tmp_path / "older" / "directory.pem").mkdir()
    with pytest.raises(KeyRingError, match=r"directory\.pem cannot be read: Is a directory"):
        load_key_ring(configure().keys)
