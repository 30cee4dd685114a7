"""The only place where providers and the key ring are built: once per configuration and process."""

from functools import lru_cache

from django.conf import settings

from documents.conf import HcpConfig, VaultConfig
from documents.encryption.keyring import KeyRing
from documents.errors import ConfigurationError
from documents.keysources import load_key_ring
from documents.storage.base import StorageProvider
from documents.storage.hcp_management import HcpManagement
from documents.storage.local import LocalProvider
from documents.storage.memory import MemoryProvider


def vault_config() -> VaultConfig:
    """The configuration in force."""
    config: VaultConfig = settings.VAULT
    return config


def storage_provider(storage_type: str | None = None) -> StorageProvider:
    """Return the provider that rows with this ``storage_type`` name; without one, the one new uploads go to.

    Raises ConfigurationError where this process is not configured for it.
    """
    config = vault_config()
    return _provider(config, storage_type or config.storage_type)


def configured_providers() -> list[StorageProvider]:
    """Return every store that this process is configured for: the one for new uploads, and those of earlier ones."""
    config = vault_config()
    types = {config.storage_type}
    if config.s3:
        types.add("s3")
    if config.hcp:
        types.add("hcp")
    if config.local_storage_path.is_dir():
        types.add("local")
    return [storage_provider(storage_type) for storage_type in sorted(types)]


def key_ring() -> KeyRing:
    """Return the key ring; its private keys are loaded once per process. Raises KeyRingError or ConfigurationError."""
    return _key_ring(vault_config())


def hcp_management() -> HcpManagement:
    """Return the client for the protocols of HCP's namespace. Raises ConfigurationError where HCP is not configured."""
    if config := vault_config().hcp:
        return _hcp_management(config)
    raise ConfigurationError("HCP_ADMIN_URL is missing. HCP is reached once the variables HCP_* are set.")


def reset() -> None:
    """Forget everything built. For tests, and for a process that was told to read its keys again."""
    _provider.cache_clear()
    _key_ring.cache_clear()
    _hcp_management.cache_clear()


@lru_cache(maxsize=32)
def _provider(config: VaultConfig, storage_type: str) -> StorageProvider:
    match storage_type:
        case "local":
            return LocalProvider(root=config.local_storage_path, name="local")
        case "s3" if config.s3:
            from documents.storage.s3 import S3Provider  # noqa: PLC0415  # botocore takes a moment to import

            return S3Provider.from_storages(alias="s3")
        case "hcp" if config.hcp:
            from documents.storage.hcp import HcpProvider  # noqa: PLC0415  # as above

            return HcpProvider.from_storages(alias="hcp")
        case "memory":
            return MemoryProvider(name="memory")
    raise ConfigurationError(
        f"No provider is configured for storage type {storage_type!r}. "
        "Set the variables of that store, S3_* for s3, so that what lives there can be reached."
    )


@lru_cache(maxsize=4)
def _key_ring(config: VaultConfig) -> KeyRing:
    return load_key_ring(config.keys)


@lru_cache(maxsize=4)
def _hcp_management(config: HcpConfig) -> HcpManagement:
    return HcpManagement(
        admin_url=config.admin_url,
        tenant=config.tenant,
        namespace=config.namespace,
        user=config.user,
        password=config.password,
    )
