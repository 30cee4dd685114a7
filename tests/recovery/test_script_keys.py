"""Which keys the script takes, and what it says of those that it does not take."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from documents.encryption.vectors.keys import pem_of
from documents.recovery import recover
from tests.keyring import public_pem
from tests.recovery.conftest import Recover
from tests.recovery.objects import Shelf, check_recovered, outcomes, run_script, write_key

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    """The recovery key, encrypted with ``PASSPHRASE``."""
    key = load_pem_private_key(pem_of("recovery"), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
    return write_key(tmp_path, "encrypted", pem=pem)


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("name", ["primary", "recovery"])
def test_each_recipient_opens_alone(shelf: Shelf, out: Path, recovering: Recover, tmp_path: Path, name: str) -> None:
    key = shelf.put(b"a payslip")
    assert recovering("--key", write_key(tmp_path, name)) == 0
    check_recovered(shelf, out, [key])


def test_a_stranger_opens_nothing_and_is_told_who_could(
    shelf: Shelf, out: Path, recovering: Recover, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = shelf.put(b"a payslip")
    assert recovering("--key", write_key(tmp_path, "stranger")) == 1
    assert outcomes(out)[key] == ("failed", "UnknownKey")
    assert shelf.ring.primary.kek_id.hex()[:16] in capsys.readouterr().out
    assert recovering() == 0, "and another day with the right key"
    check_recovered(shelf, out, [key])


def test_a_passphrase_comes_from_a_file(
    shelf: Shelf, recovering: Recover, encrypted: Path, passphrase_file: Path
) -> None:
    shelf.put(b"a payslip")
    assert recovering("--key", encrypted, "--passphrase-file", passphrase_file) == 0


def test_a_passphrase_comes_from_the_environment(
    shelf: Shelf, recovering: Recover, encrypted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put(b"a payslip")
    monkeypatch.setenv("VAULT_KEK_PASSPHRASE", PASSPHRASE)
    assert recovering("--key", encrypted) == 0


def test_keys_with_and_without_a_passphrase_go_together(
    shelf: Shelf, recovering: Recover, encrypted: Path, passphrase_file: Path, tmp_path: Path
) -> None:
    shelf.put(b"a payslip")
    plain = write_key(tmp_path, "stranger")
    assert recovering("--key", plain, "--key", encrypted, "--passphrase-file", passphrase_file) == 0


def test_a_missing_passphrase_is_told(recovering: Recover, encrypted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recovering("--key", encrypted) == 2
    told = capsys.readouterr().err
    assert f"{encrypted} is encrypted: give --passphrase-file" in told


def test_a_wrong_passphrase_is_told_and_not_repeated(
    recovering: Recover, encrypted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAULT_KEK_PASSPHRASE", "not this one")
    assert recovering("--key", encrypted) == 2
    told = capsys.readouterr()
    assert "the passphrase is wrong, or the PEM is damaged" in told.err
    assert "not this one" not in told.err + told.out


def test_a_passphrase_cannot_be_an_argument(recovery_key: Path) -> None:
    done = run_script("--from", ".", "--list", "--key", recovery_key, "--passphrase", PASSPHRASE)
    assert done.returncode == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666])
def test_a_key_that_others_may_read_is_refused(
    shelf: Shelf, out: Path, recovering: Recover, tmp_path: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.put(b"a payslip")
    key = write_key(tmp_path, "recovery", mode=mode)
    assert recovering("--key", key) == 2
    assert f"Run: chmod 600 {key}" in capsys.readouterr().err
    assert not out.exists()
    key.chmod(0o600)
    assert recovering("--key", key) == 0


def test_a_passphrase_file_that_others_may_read_is_refused(
    recovering: Recover, encrypted: Path, passphrase_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passphrase_file.chmod(0o644)
    assert recovering("--key", encrypted, "--passphrase-file", passphrase_file) == 2
    assert f"Run: chmod 600 {passphrase_file}" in capsys.readouterr().err


def weak_pem() -> bytes:
    key = rsa.generate_private_key(65_537, 2_048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        (public_pem("recovery"), "not the PEM of a private key"),
        (b"", "not the PEM of a private key"),
        (pem_of("recovery")[:900], "not the PEM of a private key"),
        (pem_of("recovery").replace(b"MII", b"BII"), "not a readable PEM"),
        (pem_of("origin"), "is not a KEK"),
        (pem_of("recovery") * 3, "not the PEM of a private key"),
        (pem_of("recovery") * 2, "is not a KEK"),
        (weak_pem(), "2048 bits"),
    ],
)
def test_what_is_no_kek_is_refused(
    recovering: Recover, tmp_path: Path, pem: bytes, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recovering("--key", write_key(tmp_path, "odd", pem=pem)) == 2
    assert told in capsys.readouterr().err


def test_a_key_that_is_not_there_is_told(
    recovering: Recover, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recovering("--key", tmp_path / "none.pem") == 2
    assert "none.pem cannot be read" in capsys.readouterr().err


def test_without_a_key_nothing_begins(shelf: Shelf, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recover.main(["--from", str(shelf.root), "--to", str(out)]) == 2
    assert "--key" in capsys.readouterr().err
    assert not out.exists()
