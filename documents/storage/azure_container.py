"""One container as the parts of the Azure provider see it: the client, the prefix, and errors translated."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

from documents.storage.azure_errors import translated
from documents.storage.base import ObjectInfo
from documents.storage.keys import prefixed_key


@dataclass(frozen=True, slots=True)
class AzureContainer:
    """``prefix`` is "" or ends in a slash; ``provider`` is the name that errors and references carry."""

    client: ContainerClient
    prefix: str
    provider: str

    def full_key(self, key: str) -> str:
        """The key as the store knows it. Raises InvalidObjectKey."""
        return prefixed_key(self.prefix, key, provider=self.provider)

    def blob(self, key: str) -> BlobClient:
        """Azure's handle of an object; nothing is asked of the store. Raises InvalidObjectKey."""
        return self.client.get_blob_client(self.full_key(key))

    def errors(self, key: str = "") -> AbstractContextManager[None]:
        return translated(provider=self.provider, key=key)

    def info(self, key: str, properties: BlobProperties) -> ObjectInfo:
        """Raises TypeError where the answer lacked a field, which ``errors`` translates."""
        modified_at: datetime | None = properties.last_modified
        etag: str | None = properties.etag
        if modified_at is None or not etag:
            raise TypeError("An object without Last-Modified or ETag")
        return ObjectInfo(
            key=key, size=int(properties.size), modified_at=modified_at.astimezone(UTC), etag=etag.strip('"')
        )
