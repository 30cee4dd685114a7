"""The variables of a key service, and of the unwrap service: each that is malformed is named in one line."""

import grp
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import environ
import pytest

from documents.conf import VaultConfig, from_environment
from documents.conf.addresses import TlsAddress, UnixAddress
from documents.conf.key_service import AwsKms, UnwrapServiceAt
from documents.conf.unwrap_service import UnwrapServiceConfig, unwrap_service_from
from documents.errors import ConfigurationError

TLS = {
    "VAULT_KEY_SERVICE": "tls://keys.example.org:7443",
    "VAULT_KEY_SERVICE_CA": "tls/ca.pem",
    "VAULT_KEY_SERVICE_CERTIFICATE": "tls/web.pem",
    "VAULT_KEY_SERVICE_CERTIFICATE_KEY": "/run/secrets/web.key",
}
KMS = {"VAULT_KEY_SERVICE": "aws-kms", "VAULT_KMS_KEYS": "one, two,", "VAULT_KMS_REGION": "eu-central-1"}
ARN = "arn:aws:{}:111122223333:key/one"
NO_ADDRESSES = (
    "host:1",
    "https://",
    "https://host:port",
    "ftp://host",
    "https://me@host",
    "https://host/?a=b",
    "http://[",
)
LISTEN = {"VAULT_UNWRAP_LISTEN": "unix:/run/unwrap/socket", "VAULT_UNWRAP_AUDIT": "audit.jsonl"}
LISTEN_TLS = {
    **LISTEN,
    "VAULT_UNWRAP_LISTEN": "tls://0.0.0.0:7443",
    "VAULT_UNWRAP_CLIENT_CA": "ca.pem",
    "VAULT_UNWRAP_CERTIFICATE": "service.pem",
    "VAULT_UNWRAP_CERTIFICATE_KEY": "service.key",
    "VAULT_UNWRAP_CLIENTS": "web,worker",
}


def environment(**variables: str) -> environ.Env:
    env = environ.FileAwareEnv()
    env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env=variables)
    return env


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., VaultConfig]:
    return lambda **variables: from_environment(environment(**variables), tmp_path)


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., UnwrapServiceConfig]:
    return lambda **variables: unwrap_service_from(environment(**variables), tmp_path, own_user=4242)


def test_an_address_of_ipv6_is_written_as_it_was_read(serve: Callable[..., UnwrapServiceConfig]) -> None:
    address = serve(**{**LISTEN_TLS, "VAULT_UNWRAP_LISTEN": "tls://[::1]:7443"}).address

    assert isinstance(address, TlsAddress)
    assert (address.host, str(address)) == ("::1", "tls://[::1]:7443")


def test_without_any_variable_there_is_no_key_service(configure: Callable[..., VaultConfig]) -> None:
    assert configure().keys.service is None


def test_a_key_service_is_at_a_socket_a_port_or_in_kms(configure: Callable[..., VaultConfig], tmp_path: Path) -> None:
    assert configure(VAULT_KEY_SERVICE="unix:/run/s", VAULT_KEY_SERVICE_TIMEOUT="2").keys.service == UnwrapServiceAt(
        UnixAddress(Path("/run/s")), timedelta(seconds=2)
    )
    assert configure(**TLS).keys.service == UnwrapServiceAt(
        TlsAddress(
            "keys.example.org",
            7443,
            tmp_path / "tls/ca.pem",
            tmp_path / "tls/web.pem",
            Path("/run/secrets/web.key"),
        ),
        timedelta(seconds=5),
    )
    assert configure(**KMS).keys.service == AwsKms(("one", "two"), "eu-central-1", "", timedelta(seconds=5))
    assert len({configure(**variables).keys for variables in ({}, TLS, KMS)}) == 3, "what is built is cached by them"


@pytest.mark.parametrize(
    "url",
    ["https://vpce-1.kms.eu-central-1.vpce.amazonaws.com", "http://127.0.0.1:80", "http://localhost", "http://[::1]"],
)
def test_kms_may_be_at_another_endpoint(configure: Callable[..., VaultConfig], url: str) -> None:
    keys = f"{ARN.format('kms:eu-central-1')},alias/vault"
    service = configure(**{**KMS, "VAULT_KMS_KEYS": keys, "VAULT_KMS_ENDPOINT_URL": url}).keys.service

    assert isinstance(service, AwsKms)
    assert (service.endpoint_url, service.keys) == (url, tuple(keys.split(",")))


@pytest.mark.parametrize("mode", [0o644, 0o606])
def test_the_key_of_a_certificate_that_everybody_may_read_is_refused(
    configure: Callable[..., VaultConfig], serve: Callable[..., UnwrapServiceConfig], tmp_path: Path, mode: int
) -> None:
    key = tmp_path / "own.key"
    key.write_bytes(b"canary")
    client = {**TLS, "VAULT_KEY_SERVICE_CERTIFICATE_KEY": str(key)}
    service = {**LISTEN_TLS, "VAULT_UNWRAP_CERTIFICATE_KEY": str(key)}
    key.chmod(0o640)
    configure(**client)
    serve(**service)

    key.chmod(mode)

    with pytest.raises(ConfigurationError, match=r"^VAULT_KEY_SERVICE_CERTIFICATE_KEY: every user .* Run: chmod 600"):
        configure(**client)
    with pytest.raises(ConfigurationError, match=r"^VAULT_UNWRAP_CERTIFICATE_KEY: every user .* Run: chmod 600"):
        serve(**service)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"VAULT_KEY_SERVICE": "/run/socket"}, "VAULT_KEY_SERVICE is"),
        ({"VAULT_KEY_SERVICE": "unix:socket"}, "VAULT_KEY_SERVICE is"),
        ({"VAULT_KEY_SERVICE": "kms"}, "VAULT_KEY_SERVICE is"),
        ({**TLS, "VAULT_KEY_SERVICE": "tls://host"}, "VAULT_KEY_SERVICE is"),
        ({**TLS, "VAULT_KEY_SERVICE": "tls://host:port"}, "VAULT_KEY_SERVICE is"),
        ({**TLS, "VAULT_KEY_SERVICE": "tls://host:1/path"}, "VAULT_KEY_SERVICE is"),
        *(({**TLS, name: ""}, f"{name} is missing") for name in TLS if name != "VAULT_KEY_SERVICE"),
        ({**KMS, "VAULT_KMS_KEYS": ","}, "VAULT_KMS_KEYS is missing"),
        ({**KMS, "VAULT_KMS_REGION": ""}, "VAULT_KMS_REGION is missing"),
        *(({**KMS, "VAULT_KMS_ENDPOINT_URL": url}, "VAULT_KMS_ENDPOINT_URL is no address") for url in NO_ADDRESSES),
        ({**KMS, "VAULT_KMS_ENDPOINT_URL": "http://kms.example.org"}, "VAULT_KMS_ENDPOINT_URL would send .* in clear"),
        ({**KMS, "VAULT_KMS_ENDPOINT_URL": "http://10.0.0.1:8080"}, "VAULT_KMS_ENDPOINT_URL would send .* in clear"),
        ({**KMS, "VAULT_KMS_REGION": "Frankfurt"}, "VAULT_KMS_REGION is 'Frankfurt'"),
        (
            {**KMS, "VAULT_KMS_KEYS": f"one,{ARN.format('kms:eu-west-1')}"},
            "is in eu-west-1, and VAULT_KMS_REGION",
        ),
        ({**KMS, "VAULT_KMS_KEYS": ARN.format("s3:eu-central-1")}, "VAULT_KMS_KEYS: .* is no ARN"),
        ({**KMS, "VAULT_KMS_KEYS": "arn:aws:kms"}, "VAULT_KMS_KEYS: .* is no ARN"),
        ({"VAULT_KEY_SERVICE_TIMEOUT": "soon"}, "VAULT_KEY_SERVICE_TIMEOUT"),
    ],
)
def test_what_is_wrong_with_a_key_service_is_named(
    configure: Callable[..., VaultConfig], variables: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named) as raised:
        configure(**variables)
    assert "\n" not in str(raised.value)


def test_the_unwrap_service_answers_its_own_user_unless_others_are_named(
    serve: Callable[..., UnwrapServiceConfig], tmp_path: Path
) -> None:
    config = serve(**LISTEN)
    assert (config.users, config.socket_group, config.audit) == (frozenset([4242]), None, tmp_path / "audit.jsonl")
    assert serve(**LISTEN, VAULT_UNWRAP_USERS="0, 33").users == frozenset([0, 33])
    assert serve(**LISTEN, VAULT_UNWRAP_SOCKET_GROUP="33").socket_group == 33
    own = grp.getgrgid(os.getgid()).gr_name
    assert serve(**LISTEN, VAULT_UNWRAP_SOCKET_GROUP=own).socket_group == os.getgid()
    assert serve(**LISTEN_TLS).clients == frozenset(["web", "worker"])


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({**LISTEN, "VAULT_UNWRAP_LISTEN": ""}, "VAULT_UNWRAP_LISTEN is"),
        ({**LISTEN, "VAULT_UNWRAP_LISTEN": "/run/socket"}, "VAULT_UNWRAP_LISTEN is"),
        ({**LISTEN, "VAULT_UNWRAP_AUDIT": ""}, "VAULT_UNWRAP_AUDIT is missing"),
        *(({**LISTEN_TLS, name: ""}, name) for name in LISTEN_TLS),
        ({**LISTEN, "VAULT_UNWRAP_SOCKET_GROUP": "no-group-of-that-name"}, "VAULT_UNWRAP_SOCKET_GROUP"),
        ({**LISTEN, "VAULT_UNWRAP_USERS": "nobody-of-that-name"}, "VAULT_UNWRAP_USERS"),
        *(({**LISTEN, f"VAULT_UNWRAP_{name}": "0"}, name) for name in ("RATE", "BURST", "CONNECTIONS", "TIMEOUT")),
        ({**LISTEN, "VAULT_UNWRAP_CONNECTIONS": "10001"}, "VAULT_UNWRAP_CONNECTIONS"),
        ({**LISTEN, "VAULT_UNWRAP_AUDIT_SYNC": "perhaps"}, "VAULT_UNWRAP_AUDIT_SYNC"),
    ],
)
def test_what_is_wrong_with_the_unwrap_service_is_named(
    serve: Callable[..., UnwrapServiceConfig], variables: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        serve(**variables)
