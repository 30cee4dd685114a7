"""Secrets out of files and variables: which files are refused, and what passphrases may be."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import environ
import pytest

from documents.conf import VaultConfig
from documents.conf.secrets import LONGEST_PASSPHRASE
from documents.encryption.vectors.keys import pem_of
from documents.errors import ConfigurationError, KeyRingError
from documents.keymaking import add_kek, make_missing_keys
from documents.keysources import load_key_ring, load_opening_keks, load_origin_keys, signature_of
from tests.documents.configuring import Configure
from tests.keyring import public_pem, write_keys
from vault import environment

# What a file of each variable may hold, so that nothing but its mode is wrong.
CONTENTS = {
    "VAULT_PRIMARY_KEK": pem_of("primary"),
    "VAULT_RECOVERY_KEK": pem_of("recovery"),
    "VAULT_ORIGIN_KEY": pem_of("origin"),
    "VAULT_KEK_PASSPHRASE": b"canary",
    "VAULT_ORIGIN_PASSPHRASE": b"canary",
    "VAULT_LEGACY_KEY": pem_of("primary"),
    "VAULT_LEGACY_KEY_PASSPHRASE": b"canary",
    "VAULT_METRICS_TOKEN": b"canary" * 10,
    "S3_SECRET_KEY": b"canary",
    "HCP_PASSWORD": b"canary",
    "AZURE_CONNECTION_STRING": b"canary",
}
NEEDED = {
    "S3_SECRET_KEY": {"S3_BUCKET": "bucket", "S3_ACCESS_KEY": "access", "S3_REGION": "eu-central-1"},
    "HCP_PASSWORD": {
        "HCP_ADMIN_URL": "https://legal.hcp.example.com:9090",
        **dict.fromkeys(("HCP_TENANT", "HCP_NAMESPACE", "HCP_USER"), "legal"),
    },
    "AZURE_CONNECTION_STRING": {"AZURE_CONTAINER": "objects"},
}
OF_DJANGO: dict[str, Callable[[environ.Env], object]] = {
    "SECRET_KEY": environment.secret_key,
    "SECRET_KEY_FALLBACKS": environment.older_secret_keys,
    "DATABASE_URL": lambda env: environment.database(env, "DATABASE_URL", ""),
    "CACHE_URL": lambda env: environment.cache(env, "CACHE_URL", ""),
    "CELERY_BROKER_URL": lambda env: environment.broker(env, "CELERY_BROKER_URL", ""),
    "EMAIL_URL": lambda env: environment.mail(env, "EMAIL_URL", ""),
}


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o606])
@pytest.mark.parametrize("name", CONTENTS)
def test_a_secret_that_everybody_may_read_is_refused(
    configure: Configure, tmp_path: Path, name: str, mode: int
) -> None:
    file = written(tmp_path / "secret", CONTENTS[name], mode)

    with pytest.raises(ConfigurationError) as raised:
        configure(**NEEDED.get(name, {}), **{f"{name}_FILE": str(file)})

    assert str(raised.value).startswith(f"{name}_FILE: every user of this machine may read or change {file} (mode ")
    assert str(raised.value).endswith(f"Run: chmod 600 {file}")


@pytest.mark.parametrize("name", OF_DJANGO)
def test_so_is_one_of_the_settings_that_django_needs(tmp_path: Path, name: str) -> None:
    env = environ.FileAwareEnv()
    file = written(tmp_path / "secret", b"redis://canary", 0o644)
    env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env={f"{name}_FILE": str(file)})

    with pytest.raises(ConfigurationError, match=rf"{name}_FILE: every user .* Run: chmod 600"):
        OF_DJANGO[name](env)


def test_a_file_of_a_store_in_the_storage_file_is_no_exception(configure: Configure, tmp_path: Path) -> None:
    written(tmp_path / "secret", b"canary", 0o644)
    stores = written(
        tmp_path / "stores.toml", b"[stores.a]\ntype='s3'\naccess_key='a'\nsecret_key_file='secret'\nbucket='bucket'\n"
    )

    with pytest.raises(ConfigurationError, match=r"stores\.a\.secret_key_file: every user .* Run: chmod 600"):
        configure(VAULT_STORAGE_FILE=str(stores))


def test_public_halves_may_be_read_by_everybody_and_changed_by_nobody(configure: Configure, tmp_path: Path) -> None:
    files = {
        f"{name}_FILE": written(tmp_path / name, public_pem(key), 0o644)
        for name, key in (("VAULT_PRIMARY_KEK", "primary"), ("VAULT_RECOVERY_KEK", "recovery"))
    }
    variables = {name: str(file) for name, file in files.items()}
    assert configure(**variables).keys.primary_pem.encode() == public_pem("primary").strip()

    for name, file in files.items():
        file.chmod(0o646)
        with pytest.raises(ConfigurationError, match=rf"{name}: every user .* may change .* Run: chmod o-w"):
            configure(**variables)
        file.chmod(0o644)


@pytest.mark.parametrize("name", ["primary.pem", "recovery.pub.pem", "origin.pem", "older/stranger.pem", "ring.json"])
def test_a_key_file_that_everybody_may_change_is_refused(configure: Configure, tmp_path: Path, name: str) -> None:
    write_keys(tmp_path / "keys", seal_only=True, older="stranger")
    keys = configure(VAULT_KEYS_DIR="keys").keys
    ids = [kek.kek_id.hex() for kek in load_key_ring(keys).recipients]
    ring = f'{{"primary": "{ids[0]}", "recovery": ["{ids[1]}"]}}'
    written(tmp_path / "keys" / "ring.json", ring.encode(), 0o640)
    assert len(load_key_ring(keys).recipients) == 2

    (tmp_path / "keys" / name).chmod(0o646 if name in ("primary.pem", "recovery.pub.pem") else 0o602)

    with pytest.raises(KeyRingError, match=rf"VAULT_KEYS_DIR: .*{name} \(mode 06.*Run: chmod"):
        load_key_ring(keys)


@pytest.mark.parametrize("place", ["keys", "keys/older"])
def test_a_directory_into_which_everybody_may_put_keys_is_refused(
    configure: Configure, tmp_path: Path, place: str
) -> None:
    write_keys(tmp_path / "keys", older="stranger")
    keys = configure(VAULT_KEYS_DIR="keys").keys
    before = signature_of(keys)

    (tmp_path / place).chmod(0o777)

    assert signature_of(keys) != before, "processes that run notice it"
    for load in (load_key_ring, load_opening_keks):
        with pytest.raises(
            KeyRingError, match=rf"VAULT_KEYS_DIR: every user .* put files into .*{place} \(mode 0777\)"
        ):
            load(keys)


def test_a_changed_mode_alone_is_noticed(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path / "keys")
    keys = configure(VAULT_KEYS_DIR="keys").keys
    before = signature_of(keys)

    (tmp_path / "keys" / "primary.pem").chmod(0o666)

    assert signature_of(keys) != before


def test_who_only_opens_may_refuse_what_a_group_may_read(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path / "keys")
    keys = configure(VAULT_KEYS_DIR="keys").keys
    (tmp_path / "keys" / "primary.pem").chmod(0o640)

    assert len(load_opening_keks(keys)) == 1
    with pytest.raises(KeyRingError, match=r"primary\.pem \(mode 0640\)"):
        load_opening_keks(keys, strictly=True)


@pytest.mark.parametrize("name", ["VAULT_KEK_PASSPHRASE", "VAULT_ORIGIN_PASSPHRASE", "VAULT_LEGACY_KEY_PASSPHRASE"])
def test_a_passphrase_that_no_key_can_have_is_told_in_one_line(configure: Configure, tmp_path: Path, name: str) -> None:
    longest = "é" * (LONGEST_PASSPHRASE // 2)
    configure(**{name: longest})

    with pytest.raises(ConfigurationError, match=f"{name} has 2,000 bytes. Private keys take at most 1,023"):
        configure(**{name: "x" * 2000})
    with pytest.raises(ConfigurationError, match=f"{name} is not text in UTF-8"):
        configure(**{name: os.fsdecode(b"canary\xff")})
    with pytest.raises(ConfigurationError, match=f"{name} is not text in UTF-8"):
        configure(**{f"{name}_FILE": str(written(tmp_path / "latin", b"canary\xff"))})
    with pytest.raises(ConfigurationError, match=f"{name}_FILE names an empty file"):
        configure(**{f"{name}_FILE": str(written(tmp_path / "empty", b"\n"))})


def test_the_longest_passphrase_encrypts_and_opens(configure: Configure) -> None:
    keys = configure(VAULT_KEK_PASSPHRASE="x" * LONGEST_PASSPHRASE).keys
    make_missing_keys(keys, keys.directory / "safe")

    assert load_key_ring(keys).can_open


def test_spaces_belong_to_a_passphrase_and_one_line_end_does_not(configure: Configure, tmp_path: Path) -> None:
    assert configure(VAULT_KEK_PASSPHRASE=" two words ").keys.passphrase == " two words "
    for written_so, read in ((b" a \n", " a "), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b"a", "a")):
        file = written(tmp_path / "passphrase", written_so)
        assert configure(VAULT_KEK_PASSPHRASE_FILE=str(file)).keys.passphrase == read


@pytest.mark.parametrize("name", ["VAULT_KEK_PASSPHRASE", "VAULT_ORIGIN_PASSPHRASE"])
def test_no_key_is_made_with_an_empty_passphrase(configure: Configure, tmp_path: Path, name: str) -> None:
    keys = configure(**{name: ""}, VAULT_KEYS_DIR="keys").keys

    with pytest.raises(ConfigurationError, match=f"{name} is empty. Set it to a passphrase, or leave it out"):
        make_missing_keys(keys, tmp_path / "safe")
    assert not (tmp_path / "keys" / "origin.pem").exists()
    if name == "VAULT_KEK_PASSPHRASE":
        with pytest.raises(ConfigurationError, match=f"{name} is empty"):
            add_kek(keys)


def test_keys_that_are_there_ask_for_no_passphrase(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path / "keys")
    keys = configure(VAULT_KEK_PASSPHRASE="", VAULT_KEYS_DIR="keys").keys

    assert make_missing_keys(keys, tmp_path / "safe") == []
    assert load_key_ring(keys).can_open


def test_origin_pem_may_have_a_passphrase_of_its_own(configure: Configure, tmp_path: Path) -> None:
    both = {"VAULT_KEK_PASSPHRASE": "of the KEKs", "VAULT_ORIGIN_PASSPHRASE": "of the origin key"}
    keys = configure(**both, VAULT_KEYS_DIR="keys").keys
    make_missing_keys(keys, tmp_path / "safe")

    assert load_key_ring(keys).can_open
    alone: VaultConfig = configure(VAULT_ORIGIN_PASSPHRASE="of the origin key", VAULT_KEYS_DIR="keys")
    assert load_origin_keys(alone.keys).private is not None
    with pytest.raises(KeyRingError, match=r"primary\.pem"):
        load_key_ring(alone.keys)
    with pytest.raises(KeyRingError, match=r"origin\.pem"):
        load_origin_keys(configure(VAULT_KEK_PASSPHRASE="of the KEKs", VAULT_KEYS_DIR="keys").keys)


def test_without_one_of_its_own_origin_pem_opens_with_that_of_the_keks(configure: Configure, tmp_path: Path) -> None:
    keys = configure(VAULT_KEK_PASSPHRASE="of both", VAULT_KEYS_DIR="keys").keys
    make_missing_keys(keys, tmp_path / "safe")

    assert b"ENCRYPTED" in (tmp_path / "keys" / "origin.pem").read_bytes()
    assert load_origin_keys(keys).private is not None


def test_create_keyring_tells_of_an_odd_passphrase_in_one_line(tmp_path: Path) -> None:
    """Out of a real environment, which may hold any bytes."""
    for value, words in ((b"x" * 2000, "has 2,000 bytes"), (b"caf\xe9", "is not text in UTF-8"), (b"", "is empty")):
        variables = {
            b"VAULT_KEK_PASSPHRASE": value,
            b"VAULT_KEYS_DIR": os.fsencode(tmp_path / "keys"),
            b"SECRET_KEY": b"x" * 50,
            b"VAULT_ENV_FILE": os.devnull.encode(),
            b"PATH": os.environb[b"PATH"],
        }
        command = [sys.executable, "manage.py", "create_keyring", "--recovery-dir", str(tmp_path / "safe")]
        ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)  # ours

        assert ended.returncode != 0
        assert f"VAULT_KEK_PASSPHRASE {words}" in ended.stderr.strip().splitlines()[-1]
        assert "Traceback" not in ended.stderr
