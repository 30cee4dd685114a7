"""Where the key service is that holds the private keys, and what it takes to reach it."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import environ

from documents.conf.addresses import TlsAddress, UnixAddress, file, is_tls, tls_address, unix_address
from documents.conf.reading import duration, text
from documents.errors import ConfigurationError

AWS_KMS = "aws-kms"


@dataclass(frozen=True)
class UnwrapServiceAt:
    """An unwrap service of the vault's own. ``timeout`` is how long one answer is waited for."""

    address: UnixAddress | TlsAddress
    timeout: timedelta


@dataclass(frozen=True)
class AwsKms:
    """RSA keys in AWS KMS. ``keys`` are their ids or ARNs; ``endpoint_url`` is empty for AWS itself."""

    keys: tuple[str, ...]
    region: str
    endpoint_url: str
    timeout: timedelta


KeyServiceConfig = UnwrapServiceAt | AwsKms


def key_service_from(env: environ.Env, base_dir: Path) -> KeyServiceConfig | None:
    """Read the variables of the key service; None where private keys are in this process. Raises ConfigurationError."""
    place = text(env, "VAULT_KEY_SERVICE")
    timeout = duration(env, "VAULT_KEY_SERVICE_TIMEOUT", timedelta(seconds=5))
    if not place:
        return None
    if place == AWS_KMS:
        return _aws_kms(env, timeout)
    if is_tls(place):
        authority = file(env, "VAULT_KEY_SERVICE_CA", base_dir)
        certificate = file(env, "VAULT_KEY_SERVICE_CERTIFICATE", base_dir)
        key = file(env, "VAULT_KEY_SERVICE_CERTIFICATE_KEY", base_dir)
        return UnwrapServiceAt(tls_address("VAULT_KEY_SERVICE", place, authority, certificate, key), timeout)
    return UnwrapServiceAt(unix_address("VAULT_KEY_SERVICE", place, f"or tls://host:port or {AWS_KMS}"), timeout)


def _aws_kms(env: environ.Env, timeout: timedelta) -> AwsKms:
    keys = tuple(key.strip() for key in text(env, "VAULT_KMS_KEYS").split(",") if key.strip())
    if not keys:
        raise ConfigurationError("VAULT_KMS_KEYS is missing. Name the RSA keys in AWS KMS, by id or ARN, with commas.")
    region = text(env, "VAULT_KMS_REGION")
    if not region:
        raise ConfigurationError("VAULT_KMS_REGION is missing. Set it to the region of the keys, eu-central-1 say.")
    endpoint_url = text(env, "VAULT_KMS_ENDPOINT_URL")
    if endpoint_url and not endpoint_url.startswith(("https://", "http://")):
        raise ConfigurationError("VAULT_KMS_ENDPOINT_URL is no address. Write it as https://host, or leave it out.")
    return AwsKms(keys, region, endpoint_url, timeout)
