"""The private keys that the service holds while their files come, go, and are damaged."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from documents.conf import KeySources
from documents.errors import KeyRingError
from documents.keyservice import held_keys
from documents.keyservice.held_keys import HeldKeys
from tests.encryption.keys import KEKS
from tests.keyring import write_keys

PRIMARY, STRANGER = KEKS["primary"].kek_id, KEKS["stranger"].kek_id


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_keys(tmp_path / "keys", older="stranger")


@pytest.fixture
def held(directory: Path, monkeypatch: pytest.MonkeyPatch) -> HeldKeys:
    monkeypatch.setattr(held_keys, "LOOK", 0.0)
    return HeldKeys(KeySources(directory))


def test_a_key_whose_file_was_deleted_is_gone_whatever_is_the_matter_with_others(
    held: HeldKeys, directory: Path
) -> None:
    (directory / "primary.pem").write_bytes(b"damaged")
    assert set(held.kek_ids()) == {PRIMARY, STRANGER}, "a damaged file is no deleted one"
    (directory / "older" / "stranger.pem").unlink()
    assert held.kek_ids() == [PRIMARY]
    (directory / "primary.pem").unlink()
    assert held.kek_ids() == []
    write_keys(directory)
    assert held.kek_ids() == [PRIMARY]


def test_a_mode_that_lets_others_read_a_key_is_noticed(held: HeldKeys, directory: Path) -> None:
    with capture_logs() as logs:
        (directory / "primary.pem").chmod(0o666)
        assert set(held.kek_ids()) == {PRIMARY, STRANGER}
    assert [(one["event"], "chmod 600" in one["error"]) for one in logs] == [("keys_not_loaded", True)]


def test_it_warns_again_and_again_but_seldom(held: HeldKeys, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "primary.pem").write_bytes(b"damaged")
    with capture_logs() as logs:
        for _ in range(20):
            held.kek_ids()
        assert [one["event"] for one in logs] == ["keys_not_loaded"]
        monkeypatch.setattr(held_keys, "AGAIN", 0.0)
        held.kek_ids()
    assert [one["event"] for one in logs] == ["keys_not_loaded"] * 2


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604])
def test_a_private_key_that_a_group_may_read_is_not_served_with(directory: Path, mode: int) -> None:
    (directory / "older" / "stranger.pem").chmod(mode)

    with pytest.raises(KeyRingError, match="chmod 600"):
        HeldKeys(KeySources(directory))


def test_a_private_key_of_another_user_is_not_served_with(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(directory / "primary.pem", 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)

    with pytest.raises(KeyRingError, match="belongs to user"):
        HeldKeys(KeySources(directory))
