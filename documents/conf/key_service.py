"""Where the key service is that holds the private keys, and what it takes to reach it."""

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import environ

from documents.conf.addresses import TlsAddress, UnixAddress, is_tls, unix_address
from documents.conf.reading import duration, shown, text
from documents.conf.tls_files import tls_from
from documents.errors import ConfigurationError

AWS_KMS = "aws-kms"
TLS_FILES = ("VAULT_KEY_SERVICE_CA", "VAULT_KEY_SERVICE_CERTIFICATE", "VAULT_KEY_SERVICE_CERTIFICATE_KEY")

# AWS General Reference, "Regional endpoints": eu-central-1, us-gov-west-1.
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


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
        return UnwrapServiceAt(tls_from(env, base_dir, "VAULT_KEY_SERVICE", place, files=TLS_FILES), timeout)
    return UnwrapServiceAt(unix_address("VAULT_KEY_SERVICE", place, f"or tls://host:port or {AWS_KMS}"), timeout)


def _aws_kms(env: environ.Env, timeout: timedelta) -> AwsKms:
    keys = tuple(key.strip() for key in text(env, "VAULT_KMS_KEYS").split(",") if key.strip())
    if not keys:
        raise ConfigurationError("VAULT_KMS_KEYS is missing. Name the RSA keys in AWS KMS, by id or ARN, with commas.")
    region = text(env, "VAULT_KMS_REGION")
    if not region:
        raise ConfigurationError("VAULT_KMS_REGION is missing. Set it to the region of the keys, eu-central-1 say.")
    if not _REGION.fullmatch(region):
        raise ConfigurationError(f"VAULT_KMS_REGION is {shown(region)}. Set it to a region of AWS, eu-central-1 say.")
    for key in keys:
        _check_key(key, region)
    return AwsKms(keys, region, _endpoint_url(text(env, "VAULT_KMS_ENDPOINT_URL")), timeout)


def _check_key(key: str, region: str) -> None:
    """An ARN says where its key is: arn:aws:kms:eu-central-1:111122223333:key/… (AWS KMS, "Key ARN")."""
    if not key.startswith("arn:"):
        return
    parts = key.split(":", 5)
    if len(parts) < 6 or parts[2] != "kms":
        raise ConfigurationError(f"VAULT_KMS_KEYS: {key} is no ARN of a key in AWS KMS.")
    if parts[3] != region:
        raise ConfigurationError(f"VAULT_KMS_KEYS: {key} is in {parts[3]}, and VAULT_KMS_REGION is {region}.")


def _endpoint_url(url: str) -> str:
    """KMS answers with DEKs: they leave this machine over TLS alone."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not url:
        return ""
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.query or parts.fragment:
        raise ConfigurationError("VAULT_KMS_ENDPOINT_URL is no address. Write it as https://host, or leave it out.")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ConfigurationError(
            "VAULT_KMS_ENDPOINT_URL would send the keys of documents in clear over the network. Write it as https://."
        )
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
