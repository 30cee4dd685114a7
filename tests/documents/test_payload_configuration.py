"""The limits of payloads out of the environment."""

from datetime import timedelta
from pathlib import Path

import environ
import pytest

from documents.conf import PayloadConfig, from_environment
from documents.errors import ConfigurationError


def configured(directory: Path, **variables: str) -> PayloadConfig:
    env = environ.FileAwareEnv()
    env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env=variables)
    return from_environment(env, directory).payloads


def test_the_limits_of_payloads_have_defaults_and_names(tmp_path: Path) -> None:
    assert configured(tmp_path) == PayloadConfig(1024, 10, 16 * 1024 * 1024, timedelta(days=1))
    set_by_name = configured(
        tmp_path,
        VAULT_PAYLOAD_INLINE_LIMIT="1",
        VAULT_PAYLOAD_MAX_DEPTH="100",
        VAULT_PAYLOAD_MAX_SIZE="1073741824",
        VAULT_PAYLOAD_GRACE="60",
    )
    assert set_by_name == PayloadConfig(1, 100, 1024**3, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VAULT_PAYLOAD_INLINE_LIMIT", "1 KiB"),
        ("VAULT_PAYLOAD_INLINE_LIMIT", "1073741825"),
        ("VAULT_PAYLOAD_MAX_DEPTH", "0"),
        ("VAULT_PAYLOAD_MAX_DEPTH", "101"),
        ("VAULT_PAYLOAD_MAX_SIZE", "99999999999"),
        ("VAULT_PAYLOAD_GRACE", "a day"),
    ],
)
def test_a_malformed_limit_is_named_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} is ") as raised:
        configured(tmp_path, **{name: value})
    assert "\n" not in str(raised.value)
