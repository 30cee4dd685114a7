"""Files of secrets: who else may read or change them, and what is no such file."""

import os
from pathlib import Path

import pytest

from documents.conf.secret_files import LARGEST, check_directory, read_key_file, read_secret_file
from documents.encryption.vectors.keys import pem_of
from documents.errors import ConfigurationError
from tests.keyring import public_pem


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(b"canary\n")
    return path


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o660])
def test_a_secret_of_its_user_or_group_is_read(secret: Path, mode: int) -> None:
    secret.chmod(mode)

    assert read_secret_file(secret, name="SECRET_FILE") == b"canary\n"


@pytest.mark.parametrize("mode", [0o444, 0o604, 0o602, 0o666, 0o601])
def test_a_secret_that_is_open_to_all_is_refused(secret: Path, mode: int) -> None:
    secret.chmod(mode)

    with pytest.raises(ConfigurationError) as raised:
        read_secret_file(secret, name="SECRET_FILE")

    assert str(raised.value) == (
        f"SECRET_FILE: every user of this machine may read or change {secret} (mode {mode:04o}). "
        "Where its medium has no modes copy it to a disk that has them. "
        f"Run: chmod 600 {secret}"
    )


@pytest.mark.parametrize("mode", [0o440, 0o640, 0o620, 0o604])
def test_strictly_its_group_may_not_read_it_either(secret: Path, mode: int) -> None:
    secret.chmod(mode)

    with pytest.raises(ConfigurationError, match=rf"\(mode {mode:04o}\)\. .* Run: chmod 600"):
        read_secret_file(secret, name="SECRET_FILE", strictly=True)

    secret.chmod(0o600)
    assert read_secret_file(secret, name="SECRET_FILE", strictly=True) == b"canary\n"


def test_strictly_it_belongs_to_this_process_or_to_root(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(secret, 65534, -1)
    else:
        other = os.geteuid() + 1
        monkeypatch.setattr(os, "geteuid", lambda: other)

    with pytest.raises(ConfigurationError, match=r"SECRET_FILE: .* belongs to user"):
        read_secret_file(secret, name="SECRET_FILE", strictly=True)

    assert read_secret_file(secret, name="SECRET_FILE") == b"canary\n"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "large").write_bytes(bytes(LARGEST + 1))
    (tmp_path / "large").chmod(0o600)

    for name, words in (
        ("pipe", "is no file"),
        ("large", "is larger"),
        ("absent", "No such file"),
        ("", "Is a directory"),
    ):
        with pytest.raises(ConfigurationError, match=rf"SECRET_FILE: .*{words}"):
            read_secret_file(tmp_path / name, name="SECRET_FILE")


def test_everybody_may_read_a_public_key_and_only_read_it(tmp_path: Path) -> None:
    public, private = tmp_path / "public.pem", tmp_path / "private.pem"
    public.write_bytes(public_pem("primary"))
    private.write_bytes(pem_of("primary"))

    public.chmod(0o644)
    assert read_key_file(public, name="KEY_FILE") == public_pem("primary")
    public.chmod(0o646)
    with pytest.raises(ConfigurationError, match=r"every user of this machine may change .*\(mode 0646\).*chmod o-w"):
        read_key_file(public, name="KEY_FILE")
    private.chmod(0o644)
    with pytest.raises(ConfigurationError, match="may read or change"):
        read_key_file(private, name="KEY_FILE")


def test_a_directory_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    check_directory(tmp_path / "absent", name="KEYS_DIR")
    for mode in (0o700, 0o755, 0o2770):
        tmp_path.chmod(mode)
        check_directory(tmp_path, name="KEYS_DIR")

    for mode in (0o777, 0o1777):
        tmp_path.chmod(mode)
        with pytest.raises(
            ConfigurationError, match=rf"KEYS_DIR: every user .* into .*\(mode {mode:04o}\). Run: chmod"
        ):
            check_directory(tmp_path, name="KEYS_DIR")
