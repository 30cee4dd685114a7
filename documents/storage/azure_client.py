"""The container client of a django-storages alias for Azure, with what its options leave open set for a vault."""

from datetime import timedelta
from typing import Any, Protocol, cast

from azure.storage.blob import BlobServiceClient, ContainerClient
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages

from documents.errors import ConfigurationError
from documents.storage.patience import LONGEST_WAIT, waits_of

# The library repeats what failed for the moment (connections, 408, 429, 5xx) with growing pauses; its own would add up
# to a minute of them.
_RETRIES = 3
_FIRST_PAUSE_SECONDS, _PAUSE_FACTOR, _PAUSE_SPREAD_SECONDS = 1, 2, 1


class AzureAlias(Protocol):
    """What this module uses of ``storages.backends.azure_storage.AzureStorage``."""

    azure_container: str
    location: str
    connection_string: str | None
    client_options: dict[str, Any]

    @property
    def service_client(self) -> BlobServiceClient: ...


def azure_alias(alias: str) -> AzureAlias:
    """The storage of an alias in ``settings.STORAGES``. Raises ConfigurationError where it is none of Azure."""
    try:
        storage: Any = storages[alias]
    except (InvalidStorageError, ImproperlyConfigured) as error:
        raise ConfigurationError(f"STORAGES has no usable entry {alias!r}: {error}") from error
    except ValueError as error:
        # Its text can hold the account's key.
        raise ConfigurationError(f"STORAGES[{alias!r}] has a malformed connection string.") from error
    if not getattr(storage, "azure_container", None):
        raise ConfigurationError(f"STORAGES[{alias!r}] names no container of Azure.")
    return cast("AzureAlias", storage)


def client_of(storage: AzureAlias, *, timeout: timedelta = LONGEST_WAIT) -> ContainerClient:
    """One client for all threads of the process, made here: take it after any fork.

    What the alias sets in its own ``client_options`` takes precedence. Raises ConfigurationError where account, key or
    connection string are malformed.
    """
    storage.client_options = vault_options(timeout) | storage.client_options
    try:
        if storage.connection_string is not None:
            # django-storages passes no options where there is a connection string.
            return ContainerClient.from_connection_string(
                storage.connection_string, storage.azure_container, **storage.client_options
            )
        return storage.service_client.get_container_client(storage.azure_container)
    except (ValueError, AttributeError) as error:
        raise ConfigurationError("Account or connection string of the Azure alias in STORAGES is malformed.") from error


def vault_options(timeout: timedelta = LONGEST_WAIT) -> dict[str, Any]:
    """The options of a client for the vault; ``timeout`` is how long a store is waited for, over all attempts."""
    connect, read = waits_of(timeout, attempts=_RETRIES + 1)
    return {
        "connection_timeout": connect,
        "read_timeout": read,
        "retry_total": _RETRIES,
        "initial_backoff": _FIRST_PAUSE_SECONDS,
        "increment_base": _PAUSE_FACTOR,
        "random_jitter_range": _PAUSE_SPREAD_SECONDS,
    }
