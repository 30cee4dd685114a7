"""The storage file: further stores, how each is decorated, and the policies that name them.

TOML, so that what belongs together stands together; ``VAULT_STORAGE_FILE`` names it. docs/storage.md has an example.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import environ

from documents.conf import clouds, hcp, s3
from documents.conf.clouds import AzureConfig, GcsConfig
from documents.conf.hcp import HcpConfig
from documents.conf.reading import LARGEST_OBJECT, shown
from documents.conf.s3 import S3Config
from documents.conf.sources import Table, needed, number, prefix_of, switch
from documents.errors import ConfigurationError
from documents.storage.policies import RESERVED_PREFIXES, Policy

# The stores that the environment alone describes, by the names that rows keep.
BUILT_IN = ("local", "s3", "hcp", "gcs", "azure")
# The column that keeps it has 50 characters.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,49}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/(\*|[a-z0-9][a-z0-9!#$&^_.+-]*)")
_DECORATION_FIELDS = frozenset(("cache_seconds", "small_objects_seconds", "small_object_size", "small_objects_memory"))


@dataclass(frozen=True)
class LocalConfig:
    """A directory of its own."""

    path: Path


@dataclass(frozen=True)
class FailoverConfig:
    """Several stores as one, in order of preference. ``second_copy``: what is written goes to two of them."""

    stores: tuple[str, ...]
    second_copy: bool


@dataclass(frozen=True)
class OwnConfig:
    """A provider of somebody else's: the dotted name of its class, and what its constructor takes beside ``name``.

    Any of the options may be a secret.
    """

    provider_class: str
    options: tuple[tuple[str, str | int | bool], ...] = field(repr=False)


StoreConfig: TypeAlias = LocalConfig | S3Config | HcpConfig | GcsConfig | AzureConfig | FailoverConfig | OwnConfig


@dataclass(frozen=True)
class Decoration:
    """What is put around a store: caches for so long, None for none. Sizes are bytes."""

    cache_ttl: timedelta | None = None
    small_objects_ttl: timedelta | None = None
    small_object_size: int = 64 * 1024
    small_objects_memory: int = 16 * 1024 * 1024


@dataclass(frozen=True)
class StorageFile:
    """By name, in the file's order; tuples, so that the whole is hashable."""

    path: Path | None = None
    stores: tuple[tuple[str, StoreConfig], ...] = ()
    decorations: tuple[tuple[str, Decoration], ...] = ()
    policies: tuple[Policy, ...] = ()

    def members(self) -> list[tuple[str, str]]:
        """The names of every failover with each of its stores'."""
        failovers = ((name, store) for name, store in self.stores if isinstance(store, FailoverConfig))
        return [(name, member) for name, store in failovers for member in store.stores]


def read_storage_file(env: environ.Env, path: Path, *, storage_type: str) -> StorageFile:
    """Raises ConfigurationError naming file, table and field. ``storage_type`` is where policies store by default."""
    content = _content(path)
    tables = {kind: _tables(env, path, kind, content.get(kind, {})) for kind in ("stores", "policies")}
    stores = _stores(tables["stores"])
    policies = tuple(_policy(name, table, storage_type) for name, table in tables["policies"].items())
    for policy in policies:
        if policy.store not in (*BUILT_IN, *stores):
            raise ConfigurationError(f"policies.{policy.name}.store is {policy.store!r}, which is no store.")
    decorations = tuple((name, _decoration(table)) for name, table in tables["stores"].items())
    return StorageFile(path, tuple(stores.items()), decorations, policies)


def _content(path: Path) -> dict[str, object]:
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"VAULT_STORAGE_FILE, {path}, cannot be read.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"VAULT_STORAGE_FILE, {path}, is no TOML: {error}.") from error
    if unknown := set(content) - {"stores", "policies"}:
        raise ConfigurationError(f"{path.name} has {unknown.pop()!r} at its top. It takes stores and policies.")
    return content


def _stores(tables: Mapping[str, Table]) -> dict[str, StoreConfig]:
    """The stores that the file describes; a table of a built-in one only decorates it."""
    for name, table in tables.items():
        if "type" not in table.values and name not in BUILT_IN:
            raise ConfigurationError(f"stores.{name}.type is missing. Set one of {', '.join(_KINDS)}, or a class.")
    stores = {name: _store(name, table) for name, table in tables.items() if "type" in table.values}
    for name, store in stores.items():
        _check_members(name, store, stores)
    return stores


def _tables(env: environ.Env, path: Path, kind: str, content: object) -> dict[str, Table]:
    if not isinstance(content, dict) or not all(isinstance(values, dict) for values in content.values()):
        raise ConfigurationError(f"{path.name}: {kind} is no table of tables. Write [{kind}.name].")
    for name in content:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{path.name}: {kind}.{name} is no name. Set it to at most 50 small letters, digits and dashes."
            )
    return {name: Table(env, values, f"{kind}.{name}", path.parent) for name, values in content.items()}


def _store(name: str, table: Table) -> StoreConfig:
    if name in BUILT_IN:
        raise ConfigurationError(f"stores.{name}.type is set; the environment describes {name}. Name it differently.")
    kind = needed(table, "type", "It says what the store is.")
    if "." in kind:
        return OwnConfig(kind, tuple(_own_options(table).items()))
    if kind not in _KINDS:
        raise ConfigurationError(f"stores.{name}.type is {shown(kind)}. Set one of {', '.join(_KINDS)}, or a class.")
    fields, read = _KINDS[kind]
    table.refuse_unknown(fields | _DECORATION_FIELDS | {"type"})
    return read(table)


def _own_options(table: Table) -> dict[str, str | int | bool]:
    """Everything but the type and the caches; ``x_file`` and ``x_env`` give the option ``x``."""
    found: dict[str, str | int | bool] = {}
    for key, value in table.values.items():
        if key in {"type", *_DECORATION_FIELDS}:
            continue
        option = key.removesuffix("_file").removesuffix("_env")
        if not isinstance(value, (str, int, bool)):
            raise ConfigurationError(f"{table.called(key)} is neither text, number nor true or false.")
        found[option] = value if option == key else table.secret(option)
    return found


def _local_from(table: Table) -> LocalConfig:
    return LocalConfig(table.directory / needed(table, "path", "A store on disk needs it; set it."))


def _failover_from(table: Table) -> FailoverConfig:
    stores = table.names("stores")
    if len(stores) < 2 or len(set(stores)) != len(stores):
        raise ConfigurationError(f"{table.called('stores')} has not two different stores. Name two or more.")
    return FailoverConfig(stores, switch(table, "second_copy", default=False))


_KINDS: Mapping[str, tuple[frozenset[str], Callable[[Table], StoreConfig]]] = {
    "local": (frozenset(("path",)), _local_from),
    "s3": (s3.FIELDS, s3.s3_from),
    "hcp": (hcp.FIELDS, hcp.hcp_from),
    "gcs": (clouds.GCS_FIELDS, clouds.gcs_from),
    "azure": (clouds.AZURE_FIELDS, clouds.azure_from),
    "failover": (frozenset(("stores", "second_copy")), _failover_from),
}


def _check_members(name: str, store: StoreConfig, stores: Mapping[str, StoreConfig]) -> None:
    if not isinstance(store, FailoverConfig):
        return
    for member in store.stores:
        if member not in (*BUILT_IN, *stores):
            raise ConfigurationError(f"stores.{name}.stores names {member!r}, which is no store.")
        if isinstance(stores.get(member), FailoverConfig):
            raise ConfigurationError(f"stores.{name}.stores names {member!r}, itself a failover. Name its stores.")


def _decoration(table: Table) -> Decoration:
    if "type" not in table.values:
        table.refuse_unknown(_DECORATION_FIELDS)

    def ttl(field: str) -> timedelta | None:
        return timedelta(seconds=number(table, field, 0, lowest=0, highest=86400)) or None

    return Decoration(
        ttl("cache_seconds"),
        ttl("small_objects_seconds"),
        number(table, "small_object_size", 64 * 1024, highest=2**24),
        number(table, "small_objects_memory", 16 * 1024 * 1024, highest=2**34),
    )


def _policy(name: str, table: Table, storage_type: str) -> Policy:
    table.refuse_unknown(
        frozenset(("store", "max_size", "allowed_types", "retention_days", "key_prefix", "acknowledge_after_durable"))
    )
    types = tuple(kind.lower() for kind in table.names("allowed_types"))
    if wrong := next((kind for kind in types if not _MEDIA_TYPE.fullmatch(kind)), None):
        raise ConfigurationError(f"{table.called('allowed_types')} has {wrong!r}. Write application/pdf or image/*.")
    prefix = prefix_of(table, "key_prefix")
    if prefix.partition("/")[0] in RESERVED_PREFIXES:
        raise ConfigurationError(f"{table.called('key_prefix')} is {prefix!r}, where the vault keeps its own objects.")
    days = number(table, "retention_days", 0, lowest=0, highest=36500)
    size = number(table, "max_size", 0, lowest=0, highest=LARGEST_OBJECT)
    return Policy(
        name,
        store=table.text("store") or storage_type,
        max_size=size or None,
        allowed_types=types,
        retention=timedelta(days=days) or None,
        key_prefix=prefix,
        acknowledge_after_durable=switch(table, "acknowledge_after_durable", default=True),
    )


__all__ = ["Decoration", "FailoverConfig", "LocalConfig", "OwnConfig", "StorageFile", "StoreConfig"]
