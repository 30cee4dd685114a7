"""Where originals lie: a directory, a store of the vault, another bucket. Places are read, and nothing else."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from documents.conf.s3 import S3Config
from documents.conf.storage_file import LocalConfig
from documents.errors import ConfigurationError
from documents.services.adopting.sources import OWN_PREFIXES, Source
from documents.storage.base import ObjectInfo, ObjectReader, StorageProvider
from documents.storage.local_errors import translated
from documents.storage.local_reader import LocalReader, open_file
from documents.storage.local_tree import LocalTree
from documents.wiring import bucket_beside, store_itself, vault_config

FILES = "file"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(Protocol):
    """``store`` is what rows call it, or "" where it is no store of the vault: there nothing is read in place."""

    store: str

    def sources(self) -> Iterator[Source]:
        """Yield every original, in flat memory. Raises StorageError where the place cannot be listed."""
        ...

    def open(self, source: Source) -> ObjectReader:
        """Open one; the caller closes it. Raises StorageError."""
        ...


class DirectoryPlace:
    """A directory of this machine. Symbolic links are neither followed nor listed."""

    store = ""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tree = LocalTree(root, provider=FILES)

    def sources(self) -> Iterator[Source]:
        yield from self._below("")

    def open(self, source: Source) -> ObjectReader:
        *above, last = source.key.split("/")
        with translated(provider=FILES, key=source.shown):
            with self._tree.directory(above) as directory:
                file, status = open_file(last, directory=directory)
            info = ObjectInfo(source.shown, status.st_size, _time_of(status))
            return LocalReader(file, info, start=0, length=None, provider=FILES)

    def _below(self, path: str) -> Iterator[Source]:
        """A directory that cannot be read is told as an original with a problem, and the others are read."""
        try:
            with os.scandir(self._root / path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if not entry.name.startswith("."):
                            yield from self._below(f"{path}{entry.name}/")
                    elif entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):
                            yield self._source(path + entry.name, entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return
        except OSError as error:
            problem = f"The directory cannot be read: {error.strerror}."
            yield Source(path, FILES, f"{self._root}/{path}", 0, _EPOCH, problem)

    def _source(self, path: str, status: os.stat_result) -> Source:
        return Source(path, FILES, f"{self._root}/{path}", status.st_size, _time_of(status))


class StorePlace:
    """A provider's objects below ``prefix``. ``place`` and ``root`` are what they are known by: of a store on the local
    disk the same as of that directory."""

    def __init__(self, provider: StorageProvider, prefix: str, *, store: str, place: str, root: str) -> None:
        self.store = store
        self._provider, self._prefix, self._place, self._root = provider, prefix, place, root

    def sources(self) -> Iterator[Source]:
        for info in self._provider.iter_locations(self._prefix):
            # Elsewhere somebody's directory may be called so: there whole keys tell what a vault made.
            if not (self.store and info.key.startswith(OWN_PREFIXES)):
                yield Source(info.key, self._place, self._root + info.key, info.size, info.modified_at)

    def open(self, source: Source) -> ObjectReader:
        return self._provider.open(source.key)


def place_of(wanted: str, *, credentials_of: str) -> Place:
    """Return the place: ``s3://bucket/prefix``, a store's name (``local``, ``archive:documents/``), or a directory.

    Another bucket is reached with the credentials of the store ``credentials_of``. What lies in a store of the vault is
    that store, however it is written. Raises ConfigurationError where there is no such place.
    """
    if wanted.startswith("s3://"):
        bucket, _, prefix = wanted.removeprefix("s3://").partition("/")
        return _of_bucket(bucket, prefix, credentials_of)
    name, _, prefix = wanted.partition(":")
    if name in vault_config().store_names():
        return _of_store(name, prefix)
    return _of_directory(Path(wanted))


def _of_directory(directory: Path) -> Place:
    if not _is_directory(directory):
        raise ConfigurationError(
            f"{directory} is no directory, and no store is called so. Name a directory, a store, or s3://BUCKET/PREFIX."
        )
    root = directory.resolve()
    for name in vault_config().store_names():
        store = vault_config().store(name)
        if not isinstance(store, LocalConfig):
            continue
        place = store.path.resolve()
        if root.is_relative_to(place):
            below = root.relative_to(place).as_posix()
            return _of_store(name, "" if below == "." else f"{below}/")
        if place.is_relative_to(root):
            raise ConfigurationError(f"The store {name!r} of this vault is inside {root}. Name directories beside it.")
    return DirectoryPlace(root)


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:  # a name that is too long, or a directory above that may not be looked into
        raise ConfigurationError(
            f"{path} cannot be looked at: {error.strerror}. Name a directory that the vault's user may read."
        ) from error


def _of_bucket(bucket: str, prefix: str, credentials_of: str) -> Place:
    reaching = vault_config().store(credentials_of)
    for name in vault_config().store_names():
        store = vault_config().store(name)
        if not isinstance(store, S3Config) or store.bucket != bucket:
            continue
        if isinstance(reaching, S3Config) and _endpoint(reaching) != _endpoint(store):  # a bucket on another server
            continue
        if prefix.startswith(folder := _folder(store)):
            return _of_store(name, prefix.removeprefix(folder))
        if folder.startswith(prefix):
            raise ConfigurationError(
                f"The store {name!r} of this vault is inside s3://{bucket}/{prefix}. Name prefixes beside it."
            )
    if not isinstance(reaching, S3Config):
        raise ConfigurationError(f"s3://{bucket} needs a store on S3 whose credentials reach it: --credentials STORE.")
    provider = bucket_beside(credentials_of, bucket)
    return StorePlace(provider, prefix, store="", place=_bucket_name(bucket), root="")


def _of_store(name: str, prefix: str) -> Place:
    store = vault_config().store(name)
    place, root = f"store:{name}", ""
    if isinstance(store, LocalConfig):
        place, root = FILES, f"{store.path.resolve()}/"
    elif isinstance(store, S3Config):
        place, root = _bucket_name(store.bucket), _folder(store)
    return StorePlace(store_itself(name), prefix, store=name, place=place, root=root)


def _folder(store: S3Config) -> str:
    return f"{store.prefix}/" if store.prefix else ""


def _bucket_name(bucket: str) -> str:
    """What originals in a bucket are known by, for good: an endpoint may get another name, or a proxy."""
    return f"s3://{bucket}"


def _endpoint(store: S3Config) -> str:
    return (store.endpoint_url or "").rstrip("/")


def _time_of(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(max(0.0, status.st_mtime), UTC)
