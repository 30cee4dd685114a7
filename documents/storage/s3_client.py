"""The S3 client of a django-storages alias, with what its options leave open set for a vault."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.config import Config
from django.core.files.storage import InvalidStorageError, storages

from documents.errors import ConfigurationError
from documents.storage.patience import LONGEST_WAIT, waits_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# An attempt is repeated by botocore's "standard" mode (connection errors, 500, 502, 503, 504, throttling), with growing
# pauses. Requests that carry objects are tried once before, by ``s3_wire``.
_ATTEMPTS = 4
# One client serves all threads of a process: at least as many connections as there are threads.
_CONNECTIONS = 64


class S3Alias(Protocol):
    """What this module uses of ``storages.backends.s3.S3Storage``."""

    bucket_name: str
    location: str
    client_config: Config

    @property
    def connection(self) -> Any: ...


def s3_alias(alias: str) -> S3Alias:
    """The storage of an alias in ``settings.STORAGES``. Raises ConfigurationError where it is none of S3."""
    try:
        storage: Any = storages[alias]
    except InvalidStorageError as error:
        raise ConfigurationError(f"STORAGES has no usable entry {alias!r}: {error}") from error
    if not getattr(storage, "bucket_name", None):
        raise ConfigurationError(f"STORAGES[{alias!r}] names no S3 bucket.")
    return cast("S3Alias", storage)


def client_of(storage: S3Alias, *, timeout: timedelta = LONGEST_WAIT) -> "S3Client":
    """One client for all threads of the process; a client is thread-safe where a boto3 resource is not.

    What the alias sets in its own ``client_config`` takes precedence. The client is made here: take it in the process
    that uses it, after any fork. ``timeout`` is how long a store that does not answer is waited for, over all attempts.
    """
    storage.client_config = vault_config(storage.client_config, timeout=timeout)
    client: S3Client = storage.connection.meta.client
    return client


def vault_config(theirs: Config | None = None, *, timeout: timedelta = LONGEST_WAIT) -> Config:
    """The configuration of a client for the vault, with ``theirs`` on top."""
    given = getattr(theirs, "_user_provided_options", {})
    # django-storages passes None for what was not set.
    options: dict[str, Any] = _options(timeout) | {name: value for name, value in given.items() if value is not None}
    # Signing the SHA-256 of a body, over TLS as well, lets every store refuse a body that changed on its way.
    options["s3"] = {"payload_signing_enabled": True, **(options.get("s3") or {})}
    return Config(**options)


def _options(timeout: timedelta) -> dict[str, Any]:
    connect, read = waits_of(timeout, attempts=_ATTEMPTS + 1)
    return {
        # Without it boto3 adds CRC trailers to requests, which other stores than Amazon's refuse.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "signature_version": "s3v4",
        "connect_timeout": connect,
        "read_timeout": read,
        "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
        "max_pool_connections": _CONNECTIONS,
    }
