"""Damaged stores: each object that can be opened is, each other one is told with its answer, none looks whole."""

import time
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from documents.encryption.keyring import KeyRing
from documents.encryption.vectors.keys import pem_of
from documents.recovery import recover
from tests.encryption.keys import KEKS
from tests.recovery.conftest import Recover
from tests.recovery.damage import DAMAGE, damaged, flip
from tests.recovery.objects import Shelf, check_recovered, files_in, manifest_of, outcomes
from tests.services.s3_server import S3Server

KEYS = recover.ring_of([recover.load_kek(pem_of("recovery"), "recovery", (), lambda _name: None)])


def test_every_kind_of_damage_has_its_answer(shelf: Shelf, out: Path, recovering: Recover) -> None:
    sound = [shelf.put(b"sound", filename=f"{number}.txt") for number in range(5)]
    answers = damaged(shelf)
    assert recovering() == 1
    found = outcomes(out)
    assert {key: answer for key, (outcome, answer) in found.items() if outcome == "failed"} == answers
    check_recovered(shelf, out, sound)
    assert set(files_in(out)) == {f"alice/{number}.txt" for number in range(5)}
    assert all(manifest_of(out)[key]["why"] for key in answers)


def test_there_are_more_kinds_of_damage_than_ten() -> None:
    assert len(DAMAGE) >= 10
    assert len({answer for _, answer in DAMAGE.values()}) == 4, "the fifth, UnknownKey, is no damage"


def test_nothing_is_left_of_what_failed(shelf: Shelf, out: Path, recovering: Recover) -> None:
    damaged(shelf)
    assert recovering() == 1
    assert list((out / ".recover/parts").iterdir()) == []


@pytest.fixture
def bucket(s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, and the environment in which boto3 finds its way there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return s3_bucket


def fill(client: S3Client, bucket: str, shelf: Shelf, prefix: str = "") -> None:
    for path in shelf.root.rglob("*"):
        if path.is_file():
            key = prefix + path.relative_to(shelf.root).as_posix()
            client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


def from_bucket(server: S3Server, address: str, out: Path, key: Path) -> int:
    place = ["--from", address, "--endpoint-url", server.endpoint_url]
    return recover.main([*place, "--to", str(out), "--key", str(key)])


def test_a_damaged_bucket_is_answered_like_a_directory(
    shelf: Shelf, out: Path, recovery_key: Path, s3_client: S3Client, s3_server: S3Server, bucket: str
) -> None:
    sound = [shelf.put(bytes(number * 3_000), filename=f"{number}.txt") for number in range(4)]
    answers = damaged(shelf)
    shelf.put(b"below another prefix", key="elsewhere.vlt")
    (shelf.root / "elsewhere.vlt").unlink()
    fill(s3_client, bucket, shelf, "vault/one/")
    upload = s3_client.create_multipart_upload(Bucket=bucket, Key="vault/one/begun.vlt")
    s3_client.put_object(Bucket=bucket, Key="vault/other/x.vlt", Body=b"not ours")
    try:
        assert from_bucket(s3_server, f"s3://{bucket}/vault/one", out, recovery_key) == 1
    finally:
        s3_client.abort_multipart_upload(Bucket=bucket, Key="vault/one/begun.vlt", UploadId=upload["UploadId"])
    found = outcomes(out)
    assert {key: answer for key, (outcome, answer) in found.items() if outcome == "failed"} == answers
    check_recovered(shelf, out, sound)
    assert manifest_of(out)["begun.vlt (unfinished upload)"]["kind"] == "unfinished"
    assert not [key for key in found if "other" in key and key.startswith("vault")]


def test_a_bucket_that_is_not_there_stops_the_run(
    out: Path, recovery_key: Path, s3_server: S3Server, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert from_bucket(s3_server, f"s3://{bucket}-not", out, recovery_key) == 3
    assert "cannot be listed" in capsys.readouterr().err


def test_a_source_that_is_not_there_is_told(shelf: Shelf, out: Path, recovery_key: Path) -> None:
    assert recover.main(["--from", str(shelf.root / "none"), "--to", str(out), "--key", str(recovery_key)]) == 2


class Failing(recover.Directory):
    """A directory on a disk that gives no bytes of some files, so many times."""

    def __init__(self, root: Path, faults: dict[str, int]) -> None:
        super().__init__(root)
        self.faults = faults

    def open(self, key: str, limit: int | None = None) -> recover.Stream:
        if self.faults.get(key, 0):
            self.faults[key] -= 1
            raise recover.Unreadable("The disk gives no bytes.")
        return super().open(key, limit)


def test_an_object_that_cannot_be_read_is_tried_again_and_then_told(shelf: Shelf, out: Path) -> None:
    flaky, bad, sound = (shelf.put(b"a payslip", filename=name) for name in ("flaky", "bad", "sound"))
    source = Failing(shelf.root, {flaky: 1, bad: 99})
    assert recover.run(recover.Options(source, KEYS, out), "text", lambda _line: None) == 1
    assert outcomes(out)[bad] == ("failed", "Unreadable")
    check_recovered(shelf, out, [flaky, sound])
    assert recover.run(recover.Options(recover.Directory(shelf.root), KEYS, out), "text", lambda _line: None) == 0


def test_a_key_block_that_cannot_be_read_is_no_unknown_key(shelf: Shelf, out: Path) -> None:
    key = shelf.put(b"a payslip")
    sidecar = shelf.rewrap(key, KeyRing(KEKS["stranger"], [KEKS["recovery"]]))
    keys = recover.ring_of([recover.load_kek(pem_of("stranger"), "", (), lambda _name: None)])
    source = Failing(shelf.root, {sidecar: 99})
    assert recover.run(recover.Options(source, keys, out), "text", lambda _line: None) == 1
    assert outcomes(out)[key] == ("failed", "Unreadable")


def test_a_source_that_gives_nothing_any_more_stops_the_run(
    shelf: Shelf, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    keys = [shelf.put(b"a payslip") for _ in range(30)]
    with pytest.raises(recover.Stopped, match="gives no bytes"):
        recover.run(
            recover.Options(Failing(shelf.root, dict.fromkeys(keys, 99)), KEYS, out), "text", lambda _line: None
        )


def test_what_is_gone_since_an_earlier_run_is_told(shelf: Shelf, out: Path, recovering: Recover) -> None:
    sound, failed = shelf.put(b"sound", filename="sound"), shelf.put(b"a payslip")
    flip(shelf, failed, -1)
    assert recovering() == 1
    for key in (sound, failed):
        (shelf.root / key).unlink()
    assert recovering() == 1
    assert outcomes(out) == {sound: ("recovered", None), failed: ("failed", "Missing")}
