"""The only place where providers and their manager are built: once per configuration and process.

The key ring is built in ``key_rings``: who moves ciphertext stands on stores alone, and no key comes near it.
"""

from functools import lru_cache

import structlog
from django.conf import settings

from documents.building import caches_around, counted, other_bucket, plain_provider
from documents.conf import HcpConfig, VaultConfig
from documents.conf.storage_file import FailoverConfig
from documents.errors import ConfigurationError, StorageError
from documents.storage.base import StorageProvider
from documents.storage.failover import ChecksumOf, Failover
from documents.storage.hcp_management import HcpManagement
from documents.storage.manager import StorageManager
from documents.storage.policies import DEFAULT, Policy

log = structlog.get_logger(__name__)


def vault_config() -> VaultConfig:
    """The configuration in force."""
    config: VaultConfig = settings.VAULT
    return config


def storage_provider(storage_type: str | None = None) -> StorageProvider:
    """Return the provider that rows with this ``storage_type`` name; without one, the one new uploads go to.

    It is counted and timed, and cached where the storage file says so. Raises ConfigurationError where this process is
    not configured for it.
    """
    config = vault_config()
    return _provider(config, storage_type or config.storage_type)


def store_itself(storage_type: str) -> StorageProvider:
    """Return the provider without its caches: for whoever must see what the store has at this moment."""
    return _store(vault_config(), storage_type)


def bucket_beside(storage_type: str, bucket: str) -> StorageProvider:
    """Return another bucket, for reading, that the credentials of the S3 store ``storage_type`` reach.

    Raises ConfigurationError where that store is none of S3.
    """
    return counted(other_bucket(vault_config(), storage_type, bucket))


def stores_behind(storage_type: str) -> list[StorageProvider]:
    """Return the stores, without caches, that have the objects of rows with this ``storage_type``.

    Those are the members of a failover, or else the one store. Raises ConfigurationError as ``storage_provider`` does.
    """
    config = vault_config()
    store = config.store(storage_type)
    names = store.stores if isinstance(store, FailoverConfig) else (storage_type,)
    return [_store(config, name) for name in names]


def readable_provider(storage_type: str, checksum_of: ChecksumOf) -> StorageProvider:
    """Return the provider that rows name, and behind it the local disk, where a copy of the same object may be.

    The copy is read where the store does not answer or has lost the object, and only if its checksum is the one that
    ``checksum_of`` gives for the key. Raises ConfigurationError as ``storage_provider`` does.
    """
    config = vault_config()
    has_members = isinstance(config.store(storage_type), FailoverConfig)
    if not has_members and (storage_type == "local" or not config.local_storage_path.is_dir()):
        return _provider(config, storage_type)
    return _with_local_copy(config, storage_type, checksum_of)


def configured_providers() -> list[StorageProvider]:
    """Return every store that this process is configured for, without caches: the one for new uploads, and those of
    earlier ones. A failover is not among them; its members are. One that cannot be built does not keep the others.
    """
    config, providers = vault_config(), []
    for name in config.store_names():
        unused = name == "local" and config.storage_type != "local" and not config.local_storage_path.is_dir()
        if unused or isinstance(config.store(name), FailoverConfig):
            continue
        try:
            providers.append(store_itself(name))
        except (ConfigurationError, StorageError) as error:
            log.warning("store_not_built", store=name, error=str(error))
    return providers


def storage_manager() -> StorageManager:
    """Return the manager of named providers and policies, one for the configuration in force."""
    return _manager(vault_config())


def hcp_management() -> HcpManagement:
    """Return the client for the protocols of HCP's namespace. Raises ConfigurationError where HCP is not configured."""
    if config := vault_config().hcp:
        return _hcp_management(config)
    raise ConfigurationError("HCP_ADMIN_URL is missing. HCP is reached once the variables HCP_* are set.")


def reset() -> None:
    """Forget everything built. For tests."""
    for built in (_provider, _store, _with_local_copy, _manager, _hcp_management):
        built.cache_clear()


@lru_cache(maxsize=32)
def _provider(config: VaultConfig, storage_type: str) -> StorageProvider:
    return caches_around(_store(config, storage_type), config, storage_type)


@lru_cache(maxsize=32)
def _store(config: VaultConfig, storage_type: str) -> StorageProvider:
    store = config.store(storage_type)
    if isinstance(store, FailoverConfig):
        members = [_store(config, member) for member in store.stores]
        return Failover(members, name=storage_type, second_copy=store.second_copy)
    return counted(plain_provider(config, storage_type))


@lru_cache(maxsize=32)
def _with_local_copy(config: VaultConfig, storage_type: str, checksum_of: ChecksumOf) -> StorageProvider:
    """A failover is taken apart: its members' copies are compared as well, with what the rows know."""
    store = config.store(storage_type)
    names = store.stores if isinstance(store, FailoverConfig) else (storage_type,)
    stores = [_provider(config, name) for name in names]
    stand_ins = [] if "local" in names or not config.local_storage_path.is_dir() else [_store(config, "local")]
    return Failover([*stores, *stand_ins], name=storage_type, stand_ins=len(stand_ins), checksum_of=checksum_of)


@lru_cache(maxsize=4)
def _manager(config: VaultConfig) -> StorageManager:
    policies = {policy.name: policy for policy in config.storage_file.policies}
    policies.setdefault(DEFAULT, Policy(DEFAULT, store=config.storage_type))
    return StorageManager(lambda name: _provider(config, name), policies)


@lru_cache(maxsize=4)
def _hcp_management(config: HcpConfig) -> HcpManagement:
    return HcpManagement(
        admin_url=config.admin_url,
        tenant=config.tenant,
        namespace=config.namespace,
        user=config.user,
        password=config.password,
    )
