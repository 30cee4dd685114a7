"""The stand-alone script over a directory: documents, their names and the manifest."""

import gzip
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import pytest

from documents.recovery import recover
from tests.recovery.conftest import Recover
from tests.recovery.damage import flip
from tests.recovery.objects import (
    BEGAN,
    LIBRARIES,
    SCRIPT,
    VAULT,
    Shelf,
    check_recovered,
    files_in,
    manifest_of,
    outcomes,
    run_script,
    sha256,
)


def test_documents_come_back_on_a_machine_that_has_only_cryptography(
    shelf: Shelf, out: Path, recovery_key: Path
) -> None:
    keys = [shelf.put(b"x" * size, filename=f"{size}.bin") for size in (0, 1, 4_095, 4_096, 4_097, 40_000)]
    done = run_script("--from", shelf.root, "--to", out, "--key", recovery_key)
    assert (done.returncode, done.stderr) == (0, "")
    check_recovered(shelf, out, keys)
    assert set(files_in(out)) == {f"alice/{size}.bin" for size in (0, 1, 4_095, 4_096, 4_097, 40_000)}


def test_the_bare_machine_of_these_tests_has_no_django_and_no_vault(tmp_path: Path) -> None:
    assert (LIBRARIES / "django").is_dir(), "Django is beside cryptography, so only the refusal keeps it out"
    for name in ("django", "documents", "boto3"):
        script = tmp_path / "script.py"
        script.write_text(f"import {name}\n")
        done = run_script(environment={"BARE_SCRIPT": str(script)})
        assert done.returncode == 1
        assert f"{name} is not on this machine" in done.stderr


def test_the_script_imports_nothing_of_the_project() -> None:
    imported = [line for line in SCRIPT.read_text().splitlines() if line.strip().startswith(("import ", "from "))]
    assert imported
    assert not [line for line in imported if "documents" in line or "django" in line or "vault" in line]


def test_a_bucket_without_boto3_is_told(recovery_key: Path, out: Path) -> None:
    done = run_script("--from", "s3://bucket", "--to", out, "--key", recovery_key)
    assert (done.returncode, done.stderr) == (2, BOTO3)


BOTO3 = "A bucket is read through boto3, which is not installed. Install it, or copy the bucket.\n"


def test_files_are_private_and_dated_as_they_were_uploaded(shelf: Shelf, out: Path, recovering: Recover) -> None:
    shelf.put(b"a payslip")
    assert recovering() == 0
    found = out / "alice/payslip.pdf"
    at = datetime.fromtimestamp(found.stat().st_mtime, BEGAN.tzinfo)
    assert abs(at - (BEGAN + timedelta(minutes=1, microseconds=123_456))) < timedelta(milliseconds=1)
    assert found.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (out, found.parent, out / ".recover")} == {0o700}
    assert (out / "manifest.json").stat().st_mode & 0o777 == 0o600


def test_owners_are_kept_apart_whatever_they_are_called(shelf: Shelf, out: Path, recovering: Recover) -> None:
    for owner in ("alice", "Alice", "al/ice", "al_ice", "", "_no owner", "_trash", "..", "manifest.json"):
        shelf.put(owner.encode(), owner=owner)
    assert recovering() == 0
    found = files_in(out)
    assert sorted(found.values()) == sorted(shelf.contents.values())
    assert len({Path(path).parent for path in found}) == 9
    assert len({path.casefold() for path in found}) == 9


def test_versions_of_one_document_are_told_apart(shelf: Shelf, out: Path, recovering: Recover) -> None:
    document_id = uuid4()
    keys = [shelf.put(text, document_id=document_id, filename="contract.tar.gz") for text in (b"one", b"two", b"three")]
    shelf.put(b"other", filename="contract.tar.gz")
    assert recovering() == 0
    assert files_in(out) == {
        "alice/contract.tar (version 1).gz": b"one",
        "alice/contract.tar (version 2).gz": b"two",
        "alice/contract.tar (version 3).gz": b"three",
        "alice/contract.tar.gz": b"other",
    }
    entries = manifest_of(out)
    assert [(entries[key]["version"], entries[key]["versions"]) for key in keys] == [(1, 3), (2, 3), (3, 3)]


def test_documents_of_one_name_get_numbers(shelf: Shelf, out: Path, recovering: Recover) -> None:
    for number in range(30):
        shelf.put(str(number).encode(), filename="Payslip.pdf" if number % 2 else "payslip.pdf")
    shelf.put(b"a name that another would get", filename="payslip (2).pdf")
    assert recovering() == 0
    found = files_in(out)
    assert len({path.casefold() for path in found}) == 31
    assert sorted(found.values()) == sorted(shelf.contents.values())


def test_the_content_coding_is_undone(shelf: Shelf, out: Path, recovering: Recover) -> None:
    document, sealed = b"one " + b"two" * 200_000, gzip.compress(b"one ") + gzip.compress(b"two" * 200_000) + bytes(99)
    key = shelf.put(sealed, coding="gzip")
    assert recovering() == 0
    assert files_in(out) == {"alice/payslip.pdf": document}
    entry = manifest_of(out)[key]
    assert (entry["size"], entry["sha256"]) == (len(document), sha256(document))
    assert (entry["plaintext_size"], entry["plaintext_sha256"]) == (len(sealed), sha256(sealed))


@pytest.mark.parametrize(
    "broken",
    [b"no gzip", gzip.compress(b"cut short" * 99)[:-9], gzip.compress(b"x") + b"y", b""],
    ids=["none", "cut", "more", "empty"],
)
def test_a_broken_gzip_stream_is_told_and_not_written(
    shelf: Shelf, out: Path, recovering: Recover, broken: bytes
) -> None:
    key = shelf.put(broken, coding="gzip")
    assert recovering() == 1
    assert outcomes(out)[key] == ("failed", "BrokenContent")
    assert files_in(out) == {}


def test_a_copy_makes_no_second_file(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    for place in ("trash/", "archive/"):
        shelf.write(place + key, shelf.read(key))
    assert recovering() == 0
    assert files_in(out) == {"alice/payslip.pdf": b"a payslip"}
    entries = manifest_of(out)
    assert sorted(entry["outcome"] for entry in entries.values()) == ["copy", "copy", "recovered"]
    assert entries[f"trash/{key}"]["copy_of"] in entries
    assert not entries[next(key for key in entries if entries[key]["outcome"] == "recovered")]["in_trash"]


def test_a_damaged_original_is_made_good_by_its_copy(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    shelf.write(f"trash/{key}", shelf.read(key))
    flip(shelf, key, -1)
    assert recovering() == 1
    assert outcomes(out) == {key: ("failed", "AuthenticationFailed"), f"trash/{key}": ("recovered", None)}
    assert files_in(out) == {"_trash/alice/payslip.pdf": b"a payslip"}


def test_what_is_no_document_is_kept_apart(shelf: Shelf, out: Path, recovering: Recover) -> None:
    payload = shelf.put(b"{}", filename="payload", content_type="application/vnd.document-vault.payload+json")
    app_file = shelf.put(b"of an app", attachment_id=uuid5(VAULT, "file"), key="payslips/files/a.vlt")
    assert recovering() == 0
    assert files_in(out) == {
        f"_payloads/{shelf.attachment_of(payload)}.json": b"{}",
        "_files/payslip.pdf": b"of an app",
    }
    assert [manifest_of(out)[key]["kind"] for key in (payload, app_file)] == ["payload", "file of an app"]


def test_only_some_are_recovered_where_that_is_asked(shelf: Shelf, out: Path, recovering: Recover) -> None:
    first, second = shelf.put(b"1", filename="1"), shelf.put(b"2", filename="2")
    shelf.put(b"3", filename="3", owner="bob")
    shelf.put(b"4", filename="4")
    document_id = UUID(bytes=shelf.read(second)[32:48])
    assert recovering("--only", shelf.attachment_of(first), "--only", document_id, "--only", "bob") == 0
    assert set(files_in(out)) == {"alice/1", "alice/2", "bob/3"}
    assert recovering() == 0, "the others on another day"
    assert set(files_in(out)) == {"alice/1", "alice/2", "bob/3", "alice/4"}


def test_listing_opens_headers_and_writes_nothing(
    shelf: Shelf, out: Path, recovering: Recover, capsys: pytest.CaptureFixture[str]
) -> None:
    key = shelf.put(b"a payslip", filename="pay\x1b[2Jslip.pdf")
    before = sorted(shelf.root.parent.rglob("*"))
    assert recovering("--list") == 0
    told = capsys.readouterr().out
    assert f"{key}: alice/pay\\x1b[2Jslip.pdf by KEK" in told
    assert "\x1b" not in told
    assert sorted(shelf.root.parent.rglob("*")) == before
    assert recovering("--list", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["entries"][0]["outcome"] == "openable"


def test_the_source_is_left_as_it_is(shelf: Shelf, recovering: Recover) -> None:
    shelf.put(b"a payslip")
    before = {path: path.stat() for path in shelf.root.rglob("*")}
    assert recovering() == 0
    after = {path: path.stat() for path in shelf.root.rglob("*")}
    assert [(path, found.st_mtime_ns, found.st_size) for path, found in after.items()] == [
        (path, found.st_mtime_ns, found.st_size) for path, found in before.items()
    ]


@pytest.mark.parametrize("place", ["store", "store/below", "."])
def test_source_and_destination_lie_apart(
    shelf: Shelf, recovery_key: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    destination = shelf.root.parent / place
    assert recover.main(["--from", str(shelf.root), "--to", str(destination), "--key", str(recovery_key)]) == 2
    assert "lie one inside the other" in capsys.readouterr().err


def test_a_directory_with_something_in_it_is_left_alone(
    shelf: Shelf, out: Path, recovering: Recover, capsys: pytest.CaptureFixture[str]
) -> None:
    out.mkdir()
    (out / "holiday.jpg").write_bytes(b"mine")
    assert recovering() == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["holiday.jpg"]


def test_names_of_files_that_are_not_utf_8_are_read_and_told(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    (shelf.root / key).rename(os.fsdecode(os.fsencode(shelf.root) + b"/caf\xe9.vlt"))
    assert recovering() == 0
    assert outcomes(out) == {"caf\\udce9.vlt": ("recovered", None)}
