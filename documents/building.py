"""How a provider is made of its configuration; ``documents.wiring`` keeps what is made.

The libraries of the stores take a moment to import, and some are extras: each is imported where one is built.
"""

from importlib import import_module

from django.core.cache import cache

from documents.conf import VaultConfig
from documents.conf.clouds import AzureConfig, GcsConfig
from documents.conf.hcp import HcpConfig
from documents.conf.s3 import S3Config
from documents.conf.storage_file import Decoration, LocalConfig, OwnConfig
from documents.errors import ConfigurationError
from documents.storage.base import StorageProvider
from documents.storage.cached import Cached
from documents.storage.forwarding import wrap
from documents.storage.instrumented import Instrumented
from documents.storage.local import LocalProvider
from documents.storage.memory import MemoryProvider
from documents.storage.small_objects import SmallObjects


def plain_provider(config: VaultConfig, name: str) -> StorageProvider:
    """Return a new provider for the store that rows call ``name``. Raises ConfigurationError."""
    store, timeout = config.store(name), config.storage_timeout
    match store:
        case LocalConfig():
            return LocalProvider(root=store.path, name=name)
        case S3Config():
            from documents.storage.s3 import S3Provider  # noqa: PLC0415

            return S3Provider.from_storages(alias=name, name=name, part_size=store.part_size, timeout=timeout)
        case HcpConfig():
            from documents.storage.hcp import HcpProvider  # noqa: PLC0415

            return HcpProvider.from_storages(alias=name, name=name, timeout=timeout)
        case GcsConfig():
            _needs_extra("google.cloud.storage", name)
            from documents.storage.gcs import GcsProvider  # noqa: PLC0415

            return GcsProvider.from_storages(alias=name, name=name, timeout=timeout)
        case AzureConfig():
            _needs_extra("azure.storage.blob", name)
            from documents.storage.azure import AzureProvider  # noqa: PLC0415

            return AzureProvider.from_storages(alias=name, name=name, timeout=timeout)
        case OwnConfig():
            return _own(store, name)
    if name == "memory":
        return MemoryProvider(name="memory")
    raise ConfigurationError(
        f"No provider is configured for storage type {name!r}. "
        "Set the variables of that store (S3_* for s3), or name it in VAULT_STORAGE_FILE, for every process of the "
        "vault, so that what lives there can be reached."
    )


def other_bucket(config: VaultConfig, name: str, bucket: str) -> StorageProvider:
    """Return a new provider for another bucket at the S3 store ``name``, without that one's prefix.

    Raises ConfigurationError where the store is none of S3.
    """
    store = config.store(name)
    if not isinstance(store, S3Config):
        raise ConfigurationError(f"The store {name!r} is no store on S3.")
    from documents.storage.s3 import S3Provider  # noqa: PLC0415

    reached = S3Provider.from_storages(alias=name, name=name, part_size=store.part_size, timeout=config.storage_timeout)
    return S3Provider(client=reached.bucket.client, bucket=bucket, name=name, part_size=store.part_size)


def counted(provider: StorageProvider) -> StorageProvider:
    """Return it with its operations counted, timed and traced."""
    return wrap(provider, Instrumented)


def caches_around(provider: StorageProvider, config: VaultConfig, name: str) -> StorageProvider:
    """Return it inside the caches that the storage file gives it."""
    decoration = dict(config.storage_file.decorations).get(name, Decoration())
    if decoration.cache_ttl:
        provider = wrap(provider, Cached, cache=cache, ttl=decoration.cache_ttl)
    if decoration.small_objects_ttl:
        provider = wrap(
            provider,
            SmallObjects,
            ttl=decoration.small_objects_ttl,
            largest=decoration.small_object_size,
            most_bytes=decoration.small_objects_memory,
        )
    return provider


def _needs_extra(module: str, name: str) -> None:
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The library of the store {name!r} is not installed. Install it: pip install -r requirements-clouds.txt"
        ) from error


def _own(store: OwnConfig, name: str) -> StorageProvider:
    module, _, class_name = store.provider_class.rpartition(".")
    try:
        made = getattr(import_module(module), class_name)(name=name, **dict(store.options))
    except Exception as error:  # somebody else's code, whose words may repeat the secret it was given
        raise ConfigurationError(
            f"stores.{name}: {store.provider_class} cannot be made ({type(error).__name__}). See docs/storage.md."
        ) from error
    if not isinstance(made, StorageProvider):
        raise ConfigurationError(f"stores.{name}: {store.provider_class} is no StorageProvider. See docs/storage.md.")
    return made
