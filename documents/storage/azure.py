"""Objects in a container of Azure Blob Storage, as block blobs.

Importing this module imports Azure's library, which comes with the extra ``clouds``.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Self

from azure.core import MatchConditions
from azure.storage.blob import ContainerClient

from documents.errors import IntegrityMismatch, ObjectExists, ObjectNotFound
from documents.storage.azure_bulk import AzureBulkDelete
from documents.storage.azure_client import azure_alias, client_of
from documents.storage.azure_container import AzureContainer
from documents.storage.azure_copy import AzureCopies
from documents.storage.azure_writer import BLOCK_SIZE, AzureWriter, put_in_blocks
from documents.storage.base import Buffer, ObjectInfo, ObjectReader, ObjectRef, ObjectWriter
from documents.storage.hashing import checksum_of
from documents.storage.keys import can_begin_a_key, is_valid_key
from documents.storage.patience import LONGEST_WAIT
from documents.storage.streaming import DerivedOperations, check_range, write_all
from documents.storage.window_reader import WindowReader


class AzureProvider(AzureCopies, AzureBulkDelete, DerivedOperations):
    """A ``StorageProvider`` with ``ConditionalCreate``, ``CompareAndSet``, ``Copying`` and ``BulkDelete``.

    For any number of threads. ``prefix`` is put before every key and never seen by callers; objects under it whose keys
    no provider accepts are not listed. The caller keeps and closes ``client``; ``azure_client.vault_options`` has the
    options of one for a web server.

    It leaves out ``Presigning``: a shared access signature does not cover the ``If-None-Match`` that the capability
    promises, and its put needs a header of Azure's own. ``Multipart`` and ``UnfinishedWrites``: staged blocks belong to
    a key and not to an upload, they carry no time and cannot be taken back; the store itself drops them after a week.
    """

    # The most that Azure lists in one answer ("List Blobs").
    listed_at_once = 5_000

    def __init__(self, *, client: ContainerClient, name: str = "azure", prefix: str = "") -> None:
        self.name = name
        folder = prefix.strip("/")
        self.container = AzureContainer(client, f"{folder}/" if folder else "", provider=name)

    @classmethod
    def from_storages(cls, alias: str = "azure", *, name: str = "azure", timeout: timedelta = LONGEST_WAIT) -> Self:
        """The provider of an Azure alias in ``settings.STORAGES``; build it once per process, after any fork."""
        storage = azure_alias(alias)
        return cls(client=client_of(storage, timeout=timeout), name=name, prefix=storage.location)

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        self.container.full_key(key)
        body = bytes(data)
        if len(body) > BLOCK_SIZE:
            return write_all(self.open_writer(key), [body])
        try:
            self._put(key, body, overwrite=False)
        except ObjectExists:
            if self.exists(key):
                raise
            # Somebody staged blocks under this key and never committed them: a put calls that an object, a commit not.
            put_in_blocks(self, self.container, key, body)
        return ObjectRef(self.name, key, len(body), checksum_of(body))

    def open_writer(self, key: str) -> ObjectWriter:
        return AzureWriter(self, self.container, key)

    def replace(self, key: str, data: Buffer, *, etag: str) -> ObjectInfo:
        try:
            self._put(key, bytes(data), overwrite=True, etag=f'"{etag}"', match_condition=MatchConditions.IfNotModified)
        except ObjectExists:
            if not self.exists(key):
                raise ObjectNotFound("There is no such object", provider=self.name, key=key) from None
            raise
        return self.head(key)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        check_range(start, length, provider=self.name, key=key)
        info = self.head(key)
        return WindowReader(
            info, lambda at, count: self._read(info, at, count), start=start, length=length, provider=self.name
        )

    def head(self, key: str) -> ObjectInfo:
        container, blob = self.container, self.container.blob(key)
        with container.errors(key):
            return container.info(key, blob.get_blob_properties())

    def delete(self, key: str) -> None:
        container, blob = self.container, self.container.blob(key)
        try:
            with container.errors(key):
                blob.delete_blob(delete_snapshots="include")
        except ObjectNotFound:
            pass

    def copy(self, source: str, key: str) -> ObjectInfo:
        return self._copy(self, self.head(source), key)

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        if not can_begin_a_key(prefix):
            return
        container = self.container
        with container.errors():
            listing = container.client.list_blobs(
                name_starts_with=container.prefix + prefix, results_per_page=self.listed_at_once
            )
            for blob in listing:
                key = blob.name.removeprefix(container.prefix)
                if is_valid_key(key):
                    yield container.info(key, blob)

    def _put(self, key: str, body: bytes, *, overwrite: bool, **condition: Any) -> None:
        """Without ``overwrite`` the client sends ``If-None-Match: *``."""
        container, blob = self.container, self.container.blob(key)
        with container.errors(key):
            blob.upload_blob(body, overwrite=overwrite, validate_content=True, **condition)

    def _read(self, info: ObjectInfo, start: int, length: int) -> bytes:
        container, blob = self.container, self.container.blob(info.key)
        try:
            with container.errors(info.key):
                return blob.download_blob(
                    offset=start,
                    length=length,
                    etag=f'"{info.etag}"',
                    match_condition=MatchConditions.IfNotModified,
                ).readall()
        except ObjectExists as error:
            # 412: of a read it means that the ETag is another.
            raise IntegrityMismatch("The object changed while it was read", provider=self.name, key=info.key) from error
