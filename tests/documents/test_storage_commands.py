"""What is printed for stores and workers: the least that works, and no secret unasked."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from documents.conf import AzureConfig, GcsConfig, HcpConfig, S3Config, StorageFile, VaultConfig, from_environment
from documents.conf.storage_file import Decoration, LocalConfig
from documents.errors import ConfigurationError
from documents.services.storage_env import Shape, storage_environment, written

BUCKET = S3Config("access", 'se"cr$et', "letters", "eu-central-1", "https://s3.example.com")


@pytest.fixture
def config(settings: Settings) -> VaultConfig:
    settings.VAULT = replace(settings.VAULT, storage_type="s3", s3=BUCKET)
    changed: VaultConfig = settings.VAULT
    return changed


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    call_command(*arguments)
    return json.loads(capsys.readouterr().out)


def test_the_policy_allows_what_the_provider_does_and_no_more(
    config: VaultConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = printed(capsys, "s3_policy", "policy")

    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:AbortMultipartUpload"} <= allowed
    assert not any("*" in action or "Policy" in action or "Acl" in action for action in allowed)
    assert {statement["Resource"] for statement in policy["Statement"]} == {
        "arn:aws:s3:::letters",
        "arn:aws:s3:::letters/*",
    }
    assert "s3:GetObjectVersion" not in allowed
    versions = printed(capsys, "s3_policy", "policy", "--versions")
    assert "s3:GetObjectVersion" in str(versions)


def test_cors_names_the_vaults_own_origins(config: VaultConfig, capsys: pytest.CaptureFixture[str]) -> None:
    everything = printed(capsys, "s3_policy", "--origin", "https://vault.example.com")

    assert set(everything) == {"policy", "cors", "lifecycle"}
    assert everything["cors"]["CORSRules"][0]["AllowedOrigins"] == ["https://vault.example.com"]
    assert everything["lifecycle"]["Rules"][0]["AbortIncompleteMultipartUpload"]


@pytest.mark.parametrize(
    "wrong",
    [
        *("nope", "https://", "ftp://vault.example.com", "https://vault.example.com/", "https://a@vault.example.com"),
        *("https://vault.example.com:port", "https://vault.example.com:99999", "null", "*", ""),
    ],
)
@pytest.mark.parametrize("command", ["s3_policy", "check_storage"])
def test_what_is_no_origin_is_refused(config: VaultConfig, command: str, wrong: str) -> None:
    with pytest.raises(CommandError, match="is no origin"):
        call_command(command, "--origin", wrong)


def test_without_a_bucket_there_is_no_policy(settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, storage_type="local", s3=None)
    with pytest.raises(CommandError, match="S3_BUCKET") as failure:
        call_command("s3_policy")
    assert failure.value.returncode == 2


def test_secrets_are_printed_only_where_they_are_asked_for(
    config: VaultConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    for shape in Shape:
        call_command("storage_env", "--format", shape.value)
        told = capsys.readouterr()
        assert "cr$et" not in told.out
        assert "Secrets are left out" in told.err
    call_command("storage_env", "--secrets")
    told = capsys.readouterr()
    assert "S3_SECRET_KEY='se\"cr$et'" in told.out.splitlines()
    assert told.err == ""


def test_the_storage_file_is_to_be_copied_too(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(path=Path("/etc/vault/storage.toml")))
    call_command("storage_env", "--secrets")
    assert "Copy /etc/vault/storage.toml too" in capsys.readouterr().err


def test_the_environment_gives_another_process_the_same_stores(config: VaultConfig, tmp_path: Path) -> None:
    variables = storage_environment(config, with_secrets=True)
    env = environ.FileAwareEnv()
    env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env=variables)

    read = from_environment(env, tmp_path)

    assert (read.s3, read.storage_type, read.local_storage_path) == (BUCKET, "s3", config.local_storage_path)


def test_the_environment_tells_of_every_store(config: VaultConfig, tmp_path: Path) -> None:
    file = tmp_path / "storage.toml"
    file.write_text("[stores.disk]\ntype = 'local'\npath = 'second'\n")
    changed = replace(
        config,
        s3=S3Config("", "", "letters", "eu-central-1", prefix="one", part_size=2**24),
        hcp=HcpConfig("https://t.hcp.example.com:9090", "t", "n", "u", "hcp-canary"),
        gcs=GcsConfig("letters", "project"),
        azure=AzureConfig("letters", "account", sas_token="azure-canary"),
        storage_file=StorageFile(file, (("disk", LocalConfig(tmp_path / "second")),), (("disk", Decoration()),)),
        storage_timeout=timedelta(seconds=20),
    )
    env = environ.FileAwareEnv()
    env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env=storage_environment(changed, with_secrets=True))

    read = from_environment(env, tmp_path)

    for field in ("s3", "hcp", "gcs", "azure", "storage_file", "storage_timeout"):
        assert getattr(read, field) == getattr(changed, field)
    assert "canary" not in str(storage_environment(changed))


HARD_VALUES = (
    "plain-._/:@,+=", " ", "a b", "x#y", "x #y", "$HOME ${HOME}", "a;b|c&d", "`id`", "back\\slash", "n\\n", "ends\\",
    "it's", "'quoted'", '"quoted"', '"', "'", '""', "\\'", "'\\\"$", "it's $HOME", "it's \\n", "=", "ü日本🔒", "",
)  # fmt: skip


@pytest.mark.parametrize("value", HARD_VALUES)
def test_a_dotenv_file_is_read_as_it_was_meant(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, str] = {}
    monkeypatch.setattr(environ.Env, "ENVIRON", found)

    environ.Env.read_env(io.StringIO(written({"BEFORE": "1", "NAME": value, "AFTER": "2"}, Shape.DOTENV)))

    assert found == {"BEFORE": "1", "NAME": value, "AFTER": "2"}


def test_single_quotes_hold_what_both_readers_take_as_it_is_and_a_line_tells_what_they_may_not() -> None:
    values = {"A": "x#y $HOME", "B": "it's", "C": "it's $HOME", "D": "ends\\"}

    assert written(values, Shape.DOTENV).splitlines() == [
        "A='x#y $HOME'",
        'B="it\'s"',
        "# C is written for the vault; Docker Compose may take it for something else.",
        'C="it\'s \\$HOME"',
        'D="ends\\\\"',
    ]


@pytest.mark.parametrize("value", ["a\nb", "a\n", "\n", "a\rb", "a\u2028b"])
def test_a_line_break_has_no_place_in_a_dotenv_file(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^S3_SECRET_KEY has a line break") as raised:
        written({"S3_SECRET_KEY": value}, Shape.DOTENV)
    assert repr(value) not in str(raised.value)


def test_each_shape_is_what_its_reader_takes(config: VaultConfig) -> None:
    variables = storage_environment(config, with_secrets=True)

    compose = written(variables, Shape.COMPOSE).splitlines()
    assert compose[0] == "environment:"
    assert '  S3_SECRET_KEY: "se\\"cr$$et"' in compose
    listed = json.loads(written(variables, Shape.KUBERNETES))["items"]
    assert [item["kind"] for item in listed] == ["ConfigMap", "Secret"]
    assert "S3_SECRET_KEY" not in listed[0]["data"]
    assert listed[1]["data"] == {"S3_SECRET_KEY": "c2UiY3IkZXQ="}
