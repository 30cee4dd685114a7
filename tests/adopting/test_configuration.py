"""VAULT_LEGACY_*: read once, checked at the start, named where malformed."""

from pathlib import Path

import environ
import pytest

from documents.conf import LegacyConfig, from_environment
from documents.errors import ConfigurationError
from documents.legacy.envelope import Fields
from tests.legacy.making import pem_of_older


def configured(tmp_path: Path, **variables: str) -> LegacyConfig:
    env = environ.FileAwareEnv()
    env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env={"VAULT_KEYS_DIR": str(tmp_path), **variables})
    return from_environment(env, tmp_path).legacy


def test_without_any_variable_the_usual_names_are_read(tmp_path: Path) -> None:
    found = configured(tmp_path)

    assert found == LegacyConfig("", "", "oaep-sha256", Fields(), 64 * 1024**2)


def test_all_of_it_may_be_said(tmp_path: Path) -> None:
    (tmp_path / "older.pem").write_text(pem_of_older())
    (tmp_path / "older.pem").chmod(0o600)
    found = configured(
        tmp_path,
        VAULT_LEGACY_KEY_FILE=str(tmp_path / "older.pem"),
        VAULT_LEGACY_KEY_PASSPHRASE="secret-canary",
        VAULT_LEGACY_PADDING="OAEP-SHA1",
        VAULT_LEGACY_CIPHERTEXT_FIELD="data",
        VAULT_LEGACY_NONCE_FIELD="iv, nonce",
        VAULT_LEGACY_WRAPPED_KEY_FIELD="cek",
        VAULT_LEGACY_MAX_SIZE="1000",
    )

    assert found.key_pem.strip() == pem_of_older().strip()
    assert (found.padding, found.max_size) == ("oaep-sha1", 1000)
    assert found.fields == Fields(("data",), ("tag",), ("iv", "nonce"), ("cek",))
    assert "canary" not in repr(found)
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VAULT_LEGACY_PADDING", "pkcs1v15"),
        ("VAULT_LEGACY_MAX_SIZE", "64MiB"),
        ("VAULT_LEGACY_MAX_SIZE", "0"),
        ("VAULT_LEGACY_MAX_SIZE", str(2**33)),
        ("VAULT_LEGACY_TAG_FIELD", "tag,,mac"),
        ("VAULT_LEGACY_TAG_FIELD", "ciphertext"),
        ("VAULT_LEGACY_KEY_FILE", "/no/such/file"),
    ],
)
def test_a_malformed_value_is_named_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        configured(tmp_path, **{name: value})

    assert "VAULT_LEGACY_" in str(raised.value)
    assert "\n" not in str(raised.value)
