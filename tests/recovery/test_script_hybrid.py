"""Hybrid KEKs, RSA with ML-KEM-768, through the script: documents sealed for them, and documents rewrapped for them."""

from pathlib import Path

import pytest

from documents.encryption.keyring import RSA_OAEP_ML_KEM, KeyRing, generate_kek, load_kek
from documents.encryption.vectors.keys import pem_of
from tests.encryption.keys import HYBRID_RING, KEKS
from tests.recovery.conftest import Recover
from tests.recovery.objects import Shelf, check_recovered, manifest_of, outcomes, run_script, write_key


@pytest.fixture
def hybrid(shelf: Shelf) -> Shelf:
    """A store whose documents are sealed for hybrid KEKs."""
    return Shelf(shelf.root, HYBRID_RING)


@pytest.mark.parametrize("name", ["hybrid-primary", "hybrid-recovery"])
def test_each_hybrid_recipient_opens_alone(
    hybrid: Shelf, out: Path, recovering: Recover, tmp_path: Path, name: str
) -> None:
    key = hybrid.put(b"a payslip")
    assert recovering("--key", write_key(tmp_path, name)) == 0
    check_recovered(hybrid, out, [key])
    entry = manifest_of(out)[key]
    assert (entry["wrap"], entry["kek_id"]) == ("RSA-OAEP with ML-KEM-768", KEKS[name].kek_id.hex())


def test_a_bare_machine_opens_them(hybrid: Shelf, out: Path, tmp_path: Path) -> None:
    key = hybrid.put(b"a payslip")
    done = run_script("--from", hybrid.root, "--to", out, "--key", write_key(tmp_path, "hybrid-recovery"))
    assert (done.returncode, done.stderr) == (0, "")
    check_recovered(hybrid, out, [key])


def test_a_document_rewrapped_from_one_type_to_the_other_opens_by_either_key(
    shelf: Shelf, out: Path, recovering: Recover, tmp_path: Path
) -> None:
    key = shelf.put(b"a payslip")
    sidecar = shelf.rewrap(key, HYBRID_RING)
    assert recovering("--key", write_key(tmp_path, "hybrid-recovery")) == 0
    check_recovered(shelf, out, [key])
    assert manifest_of(out)[sidecar]["outcome"] == "current"
    assert recovering("--list") == 0


def test_half_of_a_hybrid_key_opens_nothing(hybrid: Shelf, out: Path, recovering: Recover, tmp_path: Path) -> None:
    key = hybrid.put(b"a payslip")
    rsa_half = pem_of("hybrid-recovery").split(b"-----END PRIVATE KEY-----")[0] + b"-----END PRIVATE KEY-----\n"
    assert recovering("--key", write_key(tmp_path, "half", pem=rsa_half)) == 1
    assert outcomes(out)[key] == ("failed", "UnknownKey")


def test_an_encrypted_hybrid_key_opens_by_its_passphrase(
    shelf: Shelf, out: Path, recovering: Recover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = generate_kek(passphrase=b"open", stanza_type=RSA_OAEP_ML_KEM).private
    sealing = Shelf(shelf.root, KeyRing(KEKS["hybrid-primary"], [load_kek(pem, passphrase=b"open")]))
    key = sealing.put(b"a payslip")
    path = write_key(tmp_path, "encrypted", pem=pem)
    monkeypatch.setenv("VAULT_KEK_PASSPHRASE", "wrong")
    assert recovering("--key", path) == 2
    monkeypatch.setenv("VAULT_KEK_PASSPHRASE", "open")
    assert recovering("--key", path) == 0
    check_recovered(sealing, out, [key])


def test_the_halves_stand_in_their_order(
    hybrid: Shelf, recovering: Recover, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rsa, ml_kem = pem_of("hybrid-recovery").split(b"-----BEGIN ")[1:]
    exchanged = b"-----BEGIN " + ml_kem + b"-----BEGIN " + rsa
    assert recovering("--key", write_key(tmp_path, "exchanged", pem=exchanged)) == 2
    assert "is not a KEK" in capsys.readouterr().err
