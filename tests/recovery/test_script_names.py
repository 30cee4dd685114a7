"""Names that attackers give to files, as the script writes them."""

import unicodedata
from pathlib import Path

import pytest

from documents.recovery.recover import NAME_BYTES, printable, safe_name, split_ending
from tests.documents.hostile_names import TROUBLE, hostile_names
from tests.recovery.conftest import Recover
from tests.recovery.objects import Shelf, files_in, manifest_of

DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"
}


def check_harmless(name: str) -> None:
    assert name
    assert len(name.encode()) <= NAME_BYTES
    assert name == name.strip(". ")
    assert name[0] not in "-~"
    assert not set(name) & set('/\\<>:"|?*')
    assert not [c for c in name if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}]
    assert name.split(".", maxsplit=1)[0].strip().casefold() not in DEVICES


@pytest.mark.parametrize("kind", TROUBLE)
def test_hostile_names_become_harmless(kind: str) -> None:
    for name in hostile_names(kind, 100):
        made = safe_name(name, "document")
        check_harmless(made)
        assert safe_name(made, "document") == made


def test_hostile_names_stay_below_their_owner(shelf: Shelf, out: Path, recovering: Recover) -> None:
    names = [next(iter(hostile_names(kind, 1))).encode("utf-8", "replace").decode() for kind in TROUBLE]
    keys = {shelf.put(name.encode(), filename=name, owner=name): name for name in names}
    assert recovering() == 0
    found = files_in(out)
    assert len(names) >= 20
    assert sorted(found.values()) == sorted(name.encode() for name in names)
    assert {len(Path(path).parts) for path in found} == {2}
    assert all(part not in ("", ".", "..") and part[0] != "." for path in found for part in Path(path).parts)
    assert sorted(path.name for path in shelf.root.parent.iterdir()) == ["out", "recovery.pem", "store"]
    assert {key: entry["filename"] for key, entry in manifest_of(out).items()} == keys


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("payslip.pdf", "payslip.pdf"),
        ("../../etc/passwd", "_._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\boot.ini", "C__boot.ini"),
        ("CON.pdf", "_CON.pdf"),
        ("com¹", "_com¹"),
        (".bashrc", "bashrc"),
        ("-rf", "_-rf"),
        ("a\0b\r\nc", "abc"),
        ("\u202efdp.exe", "fdp.exe"),
        ("...", "document"),
        ("", "document"),
        ("e\u0301.txt", "é.txt"),
        ("報告.pdf", "報告.pdf"),
        ("x" * 300 + ".pdf", "x" * (NAME_BYTES - 4) + ".pdf"),
        ("🙂" * 100, "🙂" * (NAME_BYTES // 4)),
    ],
)
def test_a_name_keeps_what_it_can(name: str, made: str) -> None:
    assert safe_name(name, "document") == made


def test_an_ending_is_short() -> None:
    assert split_ending("a.tar.gz") == ("a.tar", ".gz")
    assert split_ending("a." + "e" * 30) == ("a." + "e" * 30, "")
    assert split_ending("noending") == ("noending", "")


def test_what_steers_a_terminal_is_escaped() -> None:
    assert printable("a\x1b[2J\u202e\ud800b") == "a\\x1b[2J\\u202e\\ud800b"
