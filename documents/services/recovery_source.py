"""A configured store, of whatever provider, as the recovery script reads it."""

import io
from collections.abc import Iterator

from documents.conf.storage_file import LocalConfig
from documents.errors import ObjectNotFound, RangeNotSatisfiable, StorageError
from documents.recovery.recover import Directory, Found, Missing, Source, Stopped, Stream, Unreadable
from documents.storage.base import ObjectReader, StorageProvider
from documents.storage.capabilities import Multipart
from documents.wiring import vault_config


def source_of(provider: StorageProvider) -> Source:
    """Return a configured store as a source. One on disk is read as the script reads any directory.

    A provider's listing ends at the first directory that cannot be opened; the script tells it, and goes on.
    """
    store = vault_config().store(provider.name)
    if not isinstance(store, LocalConfig):
        return ProviderSource(provider)
    source = Directory(store.path)
    source.label = f"store {provider.name}"
    return source


class ProviderSource:
    """A ``recover.Source`` over a provider. Nothing is written to it."""

    def __init__(self, provider: StorageProvider) -> None:
        self._provider = provider
        self.label = f"store {provider.name}"

    def list(self) -> Iterator[Found]:
        """Every object, as the provider lists them. Raises Stopped where the store does not answer."""
        try:
            for info in self._provider.iter_locations():
                yield Found(info.key, info.size, f"{info.modified_at.isoformat()} {info.etag}")
        except StorageError as error:
            raise Stopped(str(error)) from error

    def unfinished(self) -> Iterator[str]:
        """The keys of multipart uploads that nobody completed, where the provider has such."""
        if isinstance(self._provider, Multipart):
            try:
                for key, _upload_id, _begun in self._provider.iter_multiparts():
                    yield key
            except StorageError:  # not every store lets everybody ask, and nothing can be read of them
                return

    def open(self, key: str, limit: int | None = None) -> Stream:
        """Open the object, or its first bytes. Raises Missing, Unreadable."""
        try:
            return _Stream(self._provider.open(key, length=limit))
        except ObjectNotFound as error:
            raise Missing(str(error)) from error
        except RangeNotSatisfiable:  # of an empty object every range is
            return io.BytesIO()
        except StorageError as error:
            raise Unreadable(str(error)) from error


class _Stream:
    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader

    def read(self, size: int, /) -> bytes:
        try:
            return self._reader.read(size)
        except StorageError as error:
            raise Unreadable(str(error)) from error

    def close(self) -> None:
        self._reader.close()
