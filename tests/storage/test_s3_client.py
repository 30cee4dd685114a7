"""The S3 provider that comes from an alias in STORAGES. These tests need Django's settings, but no server."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from django.core.files.storage import storages
from django.test import override_settings

from documents.conf import S3Config
from documents.errors import ConfigurationError
from documents.storage.s3 import S3Provider
from documents.storage.s3_client import vault_config

OPTIONS: dict[str, Any] = {
    "bucket_name": "documents",
    "access_key": "a",
    "secret_key": "s",
    "endpoint_url": "http://127.0.0.1:9",
    "region_name": "eu-central-1",
    "addressing_style": "path",
    "location": "vault",
}


@pytest.fixture
def aliases() -> Iterator[None]:
    settings = {
        "s3": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": OPTIONS},
        "disk": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    }
    with override_settings(STORAGES=settings):
        yield


def test_the_alias_gives_client_bucket_and_prefix(aliases: None) -> None:
    provider = S3Provider.from_storages("s3", name="archive")
    client = provider.bucket.client
    assert (provider.name, provider.bucket.name, provider.bucket.prefix) == ("archive", "documents", "vault/")
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert client.meta.region_name == "eu-central-1"


def test_the_vault_adds_what_the_alias_leaves_open(aliases: None) -> None:
    config: Any = S3Provider.from_storages("s3").bucket.client.meta.config
    assert config.request_checksum_calculation == "when_required"
    assert config.response_checksum_validation == "when_required"
    assert config.signature_version == "s3v4"
    assert config.s3["addressing_style"] == "path"
    assert config.s3["payload_signing_enabled"] is True
    assert config.connect_timeout == pytest.approx(300 / 6 / 6)


def test_what_the_alias_sets_itself_takes_precedence() -> None:
    config: Any = vault_config(Config(read_timeout=7, s3={"addressing_style": "virtual"}, signature_version=None))
    assert (config.read_timeout, config.connect_timeout) == (7, pytest.approx(300 / 6 / 6))
    assert config.s3 == {"payload_signing_enabled": True, "addressing_style": "virtual"}
    assert config.signature_version == "s3v4"


def test_an_alias_that_is_not_s3_is_a_configuration_error(aliases: None) -> None:
    assert "disk" in storages.backends
    for alias in ("disk", "missing"):
        with pytest.raises(ConfigurationError, match=alias):
            S3Provider.from_storages(alias)


def test_credentials_of_somebody_else_in_the_environment_are_not_mixed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody-elses")
    monkeypatch.setenv("AWS_S3_SESSION_PROFILE", "somebody-elses")
    options = S3Config("access", "secret", "bucket", "eu-central-1").storage_options()
    with override_settings(STORAGES={"s3": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}}):
        client: Any = S3Provider.from_storages("s3").bucket.client
        credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("access", "secret", None)
