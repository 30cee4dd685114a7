"""The vault's own configuration: read from the environment once, checked, frozen.

``vault.settings`` calls ``from_environment`` and keeps the result as ``settings.VAULT``. A missing or malformed value
raises ``ConfigurationError`` with one line that names the variable. Every variable is explained in ``.env.example``.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ

from documents.conf.clouds import AzureConfig, GcsConfig, azure_from, gcs_from
from documents.conf.collection import CollectionConfig, collection_from
from documents.conf.hcp import HcpConfig, hcp_from, is_mentioned
from documents.conf.keys import WEAKEST_WRAPS, KeySources, keys_from
from documents.conf.legacy import LegacyConfig, legacy_from
from documents.conf.migration import MigrationConfig, migration_from
from documents.conf.payloads import PayloadConfig, payloads_from
from documents.conf.places import check_places
from documents.conf.reading import GIB, count, duration, flag, one_of, path, size, text
from documents.conf.s3 import S3Config, s3_from
from documents.conf.scrub import ScrubConfig, scrub_from
from documents.conf.secrets import secret
from documents.conf.sources import Variables
from documents.conf.storage_file import (
    BUILT_IN,
    LocalConfig,
    StorageFile,
    StoreConfig,
    read_storage_file,
)
from documents.errors import ConfigurationError

__all__ = [
    "WEAKEST_WRAPS", "AzureConfig", "CollectionConfig", "GcsConfig", "HcpConfig", "KeySources", "LegacyConfig",
    "MigrationConfig", "PayloadConfig", "S3Config", "ScrubConfig", "StorageFile", "VaultConfig", "from_environment",
]  # fmt: skip

OBJECT_NAMES = ("opaque", "readable")
SHORTEST_TOKEN = 20


@dataclass(frozen=True)
class VaultConfig:
    """Sizes are bytes. Hashable, so that what is built from it can be cached by it."""

    storage_type: str
    local_storage_path: Path
    s3: S3Config | None
    hcp: HcpConfig | None
    gcs: GcsConfig | None
    azure: AzureConfig | None
    storage_file: StorageFile
    storage_timeout: timedelta
    keys: KeySources
    max_upload_size: int
    object_names: str
    staged_lifetime: timedelta
    upload_lease: timedelta
    discard_grace: timedelta
    collection: CollectionConfig
    migration: MigrationConfig
    scrub: ScrubConfig
    link_lifetime: timedelta
    link_max_lifetime: timedelta
    max_requests_per_client: int
    require_staff_mfa: bool
    signup_open: bool
    metrics_token: str = field(repr=False)
    payloads: PayloadConfig
    legacy: LegacyConfig

    def store(self, name: str) -> StoreConfig | None:
        """Return the configuration of the store that rows call ``name``, None where there is none."""
        built_in = {"local": LocalConfig(self.local_storage_path), "s3": self.s3, "hcp": self.hcp, "gcs": self.gcs}
        if name in BUILT_IN:
            return (built_in | {"azure": self.azure})[name]
        return dict(self.storage_file.stores).get(name)

    def storages_aliases(self) -> dict[str, dict[str, Any]]:
        """Return the entries of Django's STORAGES from which providers take their clients, by the stores' names."""
        stores = ((name, self.store(name)) for name in self.store_names())
        return {
            name: {"BACKEND": store.backend, "OPTIONS": store.storage_options()}
            for name, store in stores
            if isinstance(store, (S3Config, HcpConfig, GcsConfig, AzureConfig))
        }

    def store_names(self) -> tuple[str, ...]:
        """The names of all stores that are configured, in a fixed order; the local one is always."""
        return tuple(name for name in (*BUILT_IN, *dict(self.storage_file.stores)) if self.store(name))


def from_environment(env: environ.Env, base_dir: Path) -> VaultConfig:
    """Read and check every variable of the vault and of its stores.

    Raises ConfigurationError naming the first variable that is missing or malformed.
    """
    storage_type, storage_file = _storage(env, base_dir)
    hcp = Variables(env, "HCP")
    link_lifetime, link_max_lifetime = _link_lifetimes(env)
    config = VaultConfig(
        storage_type=storage_type,
        local_storage_path=path(env, "LOCAL_STORAGE_PATH", base_dir / "var" / "storage", base_dir),
        s3=s3_from(Variables(env, "S3")) if storage_type == "s3" or text(env, "S3_BUCKET") else None,
        hcp=hcp_from(hcp) if storage_type == "hcp" or is_mentioned(hcp) else None,
        gcs=gcs_from(Variables(env, "GCS")) if storage_type == "gcs" or text(env, "GCS_BUCKET") else None,
        azure=azure_from(Variables(env, "AZURE")) if storage_type == "azure" or text(env, "AZURE_CONTAINER") else None,
        storage_file=storage_file,
        storage_timeout=duration(env, "STORAGE_TIMEOUT", timedelta(seconds=300)),
        keys=keys_from(env, base_dir),
        max_upload_size=size(env, "VAULT_MAX_UPLOAD_SIZE", 10 * GIB),
        object_names=one_of(env, "VAULT_OBJECT_NAMES", OBJECT_NAMES),
        staged_lifetime=duration(env, "VAULT_STAGED_LIFETIME", timedelta(hours=24)),
        upload_lease=duration(env, "VAULT_UPLOAD_LEASE", timedelta(minutes=15)),
        discard_grace=duration(env, "VAULT_DISCARD_GRACE", timedelta(hours=1)),
        collection=collection_from(env),
        migration=migration_from(env),
        scrub=scrub_from(env),
        link_lifetime=link_lifetime,
        link_max_lifetime=link_max_lifetime,
        max_requests_per_client=count(env, "VAULT_MAX_REQUESTS_PER_CLIENT", 200),
        require_staff_mfa=flag(env, "VAULT_REQUIRE_STAFF_MFA"),
        signup_open=flag(env, "VAULT_SIGNUP_OPEN"),
        metrics_token=_metrics_token(env),
        payloads=payloads_from(env),
        legacy=legacy_from(env),
    )
    _check_named_stores(config)
    check_places({name: store for name in config.store_names() if (store := config.store(name))})
    return config


def _link_lifetimes(env: environ.Env) -> tuple[timedelta, timedelta]:
    """The usual one, and the longest that may be asked for."""
    usual = duration(env, "VAULT_LINK_LIFETIME", timedelta(hours=24))
    longest = duration(env, "VAULT_LINK_MAX_LIFETIME", timedelta(days=30))
    if usual > longest:
        raise ConfigurationError(
            f"VAULT_LINK_LIFETIME is {usual.total_seconds():.0f} s, longer than VAULT_LINK_MAX_LIFETIME "
            f"({longest.total_seconds():.0f} s). Lower the first or raise the second."
        )
    return usual, longest


def _metrics_token(env: environ.Env) -> str:
    token = secret(env, "VAULT_METRICS_TOKEN")
    if token and len(token) < SHORTEST_TOKEN:
        raise ConfigurationError(
            f"VAULT_METRICS_TOKEN has {len(token)} characters. Set it to {SHORTEST_TOKEN} random ones or more."
        )
    return token


def _storage(env: environ.Env, base_dir: Path) -> tuple[str, StorageFile]:
    """Read the storage file and STORAGE_TYPE, which may name a store of that file."""
    named = text(env, "VAULT_STORAGE_FILE")
    # Where policies store by default is not known before the file is read, and is any name until then.
    content = StorageFile()
    if named:
        content = read_storage_file(env, base_dir / named, storage_type=text(env, "STORAGE_TYPE") or "local")
    return one_of(env, "STORAGE_TYPE", (*BUILT_IN, *dict(content.stores))), content


def _check_named_stores(config: VaultConfig) -> None:
    """What the storage file names must be reachable: a built-in store is known by name before its variables are set."""
    named = [(f"stores.{name}.stores", member) for name, member in config.storage_file.members()]
    named += [(f"stores.{name}", name) for name, _decoration in config.storage_file.decorations]
    named += [(f"policies.{policy.name}.store", policy.store) for policy in config.storage_file.policies]
    for place, store in named:
        if config.store(store) is None:
            raise ConfigurationError(f"{place} names {store!r}, which is not configured. Set the variables of {store}.")
