"""Options that would be ignored, or mean something else than they seem to, are refused before anything is done."""

from pathlib import Path

import pytest

from documents.conf import KeySources
from documents.keysources import OLDER
from documents.models import KekRecord
from tests.upkeep.test_commands import refused, run

pytestmark = pytest.mark.django_db(transaction=True)

IGNORED = [
    ("rotate_keys", "--resume", "--to", "00", "--recovery", "01"),
    ("rotate_keys", "--resume", "7", "--repair"),
    ("rotate_keys", "--resume", "--dry-run"),
    ("rotate_keys", "--cancel", "--to", ""),
    ("rotate_keys", "--cancel", "--dry-run"),
    ("verify_documents", "--resume", "--deep"),
    ("verify_documents", "--resume", "7", "--rate", "20M"),
    ("verify_documents", "--cancel", "--store", "local"),
]


@pytest.mark.parametrize("call", IGNORED, ids=" ".join)
def test_a_run_that_had_begun_takes_no_other_wishes(call: tuple[str, ...], keys: KeySources) -> None:
    message, status = refused(*call)
    assert (status, "a run keeps what it was begun with" in message) == (2, True), message
    assert all(option in message for option in call if option.startswith("--"))
    assert not KekRecord.objects.exists()


@pytest.mark.parametrize("name", ["rotate_keys", "verify_documents"])
def test_without_other_wishes_a_run_goes_on(name: str, keys: KeySources) -> None:
    assert refused(name, "--resume") == ("There is no run to go on with.", 2)


def test_a_repair_is_not_counted_as_if_it_were_a_rotation(keys: KeySources) -> None:
    message, status = refused("rotate_keys", "--repair", "--dry-run")
    assert (status, "Leave out --dry-run" in message) == (2, True)


@pytest.mark.parametrize("call", [("verify_documents",), ("recover", "--list"), ("collect_garbage", "--dry-run")])
def test_an_empty_name_of_a_store_is_not_every_store_and_not_none(call: tuple[str, ...]) -> None:
    message, status = refused(*call, "--store", "")
    assert (status, message.startswith("No store '' is configured")) == (2, True)


@pytest.mark.parametrize("call", [("create_kek", "--recovery"), ("create_keyring",)], ids=" ".join)
def test_a_private_key_does_not_go_into_the_working_directory_by_an_empty_name(
    call: tuple[str, ...], keys: KeySources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("primary.pem", "recovery.pub.pem"):
        (keys.directory / name).unlink()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    message, _status = refused(*call, "--recovery-dir", "")
    assert "--recovery-dir: it is empty" in message
    assert list((tmp_path / "here").iterdir()) == []


def test_where_a_recovery_key_goes_is_not_said_of_another_key(keys: KeySources, tmp_path: Path) -> None:
    before = sorted(keys.directory.rglob("*"))
    assert refused("create_kek", "--recovery-dir", str(tmp_path)) == ("--recovery and --recovery-dir go together.", 2)
    assert sorted(keys.directory.rglob("*")) == before


def test_ring_json_is_to_be_moved_only_where_it_names_lost_keys(
    keys: KeySources, tmp_path: Path, new_primary: str
) -> None:
    def told() -> str:
        return refused("create_keyring", "--recovery-dir", str(tmp_path / "safe"))[0]

    assert told().startswith("All keys are in")
    damaged = keys.directory / OLDER / "damaged.pem"
    damaged.touch(mode=0o600)
    assert "damaged.pem" in (message := told())
    assert message.endswith("Nothing was made.")
    damaged.unlink()
    run("rotate_keys", "--to", new_primary, "--inline")
    damaged.touch(mode=0o600)
    assert told().endswith("Nothing was made.")
    damaged.unlink()
    (keys.directory / OLDER / "waiting.pem").rename(tmp_path / "waiting.pem")
    assert f"move {keys.directory / 'ring.json'} away" in told()
