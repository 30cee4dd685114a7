"""What the manifests say, and that they harm nobody who opens them."""

import csv
import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.encryption.keys import KEKS, ORIGIN_KEYS
from tests.recovery.conftest import Recover
from tests.recovery.objects import VAULT, Shelf, manifest_of, outcomes, sha256


@pytest.fixture
def origin_key(tmp_path: Path) -> Path:
    """The public half of the origin key that signs what the shelf seals."""
    path = tmp_path / "origin.pub.pem"
    public = ORIGIN_KEYS["origin"].public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_an_entry_names_the_document_and_what_opened_it(
    shelf: Shelf, out: Path, recovering: Recover, origin_key: Path
) -> None:
    key = shelf.put(b"a payslip", filename="pay\nslip.pdf")
    stored = shelf.read(key)
    assert recovering("--origin-key", origin_key) == 0
    assert manifest_of(out)[key] == {
        "key": key,
        "kind": "document",
        "outcome": "recovered",
        "answer": None,
        "why": None,
        "path": "alice/payslip.pdf",
        "owner": "alice",
        "filename": "pay\nslip.pdf",
        "content_type": "application/pdf",
        "created_at": "2026-03-01T12:01:00.123456Z",
        "version": 1,
        "versions": 1,
        "size": 9,
        "sha256": sha256(b"a payslip"),
        "content_coding": "identity",
        "plaintext_size": 9,
        "plaintext_sha256": sha256(b"a payslip"),
        "document_id": str(manifest_of(out)[key]["document_id"]),
        "attachment_id": str(shelf.attachment_of(key)),
        "vault_id": str(VAULT),
        "object_size": len(stored),
        "object_sha256": sha256(stored),
        "wrap": "RSA-OAEP",
        "kek_id": KEKS["recovery"].kek_id.hex(),
        "key_block_seq": 0,
        "origin_signature": "verified",
        "copy_of": None,
        "in_trash": False,
    }


def test_what_another_origin_key_signed_is_refused(
    shelf: Shelf, out: Path, recovering: Recover, tmp_path: Path
) -> None:
    key = shelf.put(b"a payslip")
    other = tmp_path / "other.pem"
    public = ORIGIN_KEYS["other-origin"].public_key()
    other.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert recovering("--origin-key", other) == 1
    assert outcomes(out)[key] == ("failed", "AuthenticationFailed")


def test_each_entry_of_the_json_stands_on_a_line_of_its_own(shelf: Shelf, out: Path, recovering: Recover) -> None:
    for number in range(5):
        shelf.put(b"", filename=f"{number}\u2028\n")
    assert recovering() == 0
    first, *entries, last = (out / "manifest.json").read_text().splitlines()
    assert json.loads(f"{first}]}}")["schema_version"] == 1
    assert len([json.loads(entry.rstrip(",")) for entry in entries]) == 5
    assert last == "]}"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "\u200b=1"])
def test_a_spreadsheet_runs_nothing_of_the_csv(shelf: Shelf, out: Path, recovering: Recover, name: str) -> None:
    shelf.put(b"", filename=name, owner=name)
    assert recovering() == 0
    rows = list(csv.DictReader(io.StringIO((out / "manifest.csv").read_text(encoding="utf-8"), newline="")))
    cells = [rows[0]["filename"], rows[0]["owner"]]
    assert all(cell[0] in "'\\" or cell.startswith("'") for cell in cells)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")) for cell in cells)


def test_the_csv_has_the_same_entries(shelf: Shelf, out: Path, recovering: Recover) -> None:
    keys = {shelf.put(b"", filename='a "quoted", name\r\n.pdf') for _ in range(3)}
    shelf.write("notes.txt", b"no envelope")
    assert recovering() == 0
    rows = list(csv.DictReader(io.StringIO((out / "manifest.csv").read_text(encoding="utf-8"), newline="")))
    assert {row["key"] for row in rows} == {*keys, "notes.txt"}
    assert {row["filename"] for row in rows if row["key"] in keys} == {'a "quoted", name\\r\\n.pdf'}


def test_what_is_no_object_of_the_vault_is_told_and_fails_nothing(
    shelf: Shelf, out: Path, recovering: Recover, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.write("notes.txt", b"no envelope")
    shelf.write("vault/11111111-2222-4333-8444-555555555555/epochs/local/00000000000000000001", b"{}")
    shelf.write(f"documents/user_1/2026/03/01/.{'0' * 32}.part", b"cut short")
    shelf.write("empty", b"")
    assert recovering() == 0
    kinds = {key: entry["kind"] for key, entry in manifest_of(out).items()}
    assert sorted(kinds.values()) == ["foreign", "foreign", "record of the vault", "unfinished"]
    assert {entry["outcome"] for entry in manifest_of(out).values()} == {"told"}
    assert "foreign, told" in capsys.readouterr().out
