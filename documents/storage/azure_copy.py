"""Copies within Azure Blob Storage: one request up to 256 MiB, and staged blocks beyond.

Both end before the copy is visible. The third way, a copy that the store makes in the background, does not.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.storage.blob import BlobClient, BlobSasPermissions, generate_blob_sas

from documents.errors import UnsupportedOperation
from documents.storage.azure_container import AzureContainer
from documents.storage.azure_writer import BlockIds, commit_blocks
from documents.storage.base import ObjectInfo, StorageProvider
from documents.storage.multipart import next_part_size

# Azure Storage, "Copy Blob From URL": "The source blob length must be less than or equal to 256 MiB."
LARGEST_COPY = 256 * 1024 * 1024
PART_SIZE = 256 * 1024 * 1024
# Long enough for one request, and no longer.
_SIGNED_FOR = timedelta(hours=1)
_TOKEN_SCOPE = "https://storage.azure.com/.default"  # noqa: S105  # a scope, not a token


@dataclass(frozen=True, slots=True)
class CopySource:
    """A URL by which the store reads its own object, and the ``Authorization`` it needs beside it, or None."""

    url: str
    authorization: str | None

    def authorized(self) -> dict[str, Any]:
        """The arguments by which the client sends it."""
        return {} if self.authorization is None else {"source_authorization": self.authorization}


class AzureCopies:
    """``Copying``. The source is pinned by its ETag, so that no copy is made of two states of it."""

    container: AzureContainer
    largest_copy = LARGEST_COPY
    copy_part_size = PART_SIZE

    def _copy(self, store: StorageProvider, info: ObjectInfo, key: str) -> ObjectInfo:
        container, target = self.container, self.container.blob(key)
        if info.size > self.largest_copy:
            self._copy_in_blocks(store, info, key)
        else:
            with container.errors(key):
                source = source_of(container.blob(info.key))
                target.start_copy_from_url(
                    source.url,
                    requires_sync=True,
                    match_condition=MatchConditions.IfMissing,
                    source_etag=f'"{info.etag}"',
                    source_match_condition=MatchConditions.IfNotModified,
                    **source.authorized(),
                )
        return store.head(key)

    def _copy_in_blocks(self, store: StorageProvider, info: ObjectInfo, key: str) -> None:
        container, target, ids, start = self.container, self.container.blob(key), BlockIds(), 0
        while start < info.size:
            size = min(next_part_size(start, self.copy_part_size), info.size - start)
            with container.errors(key):
                # Signed again for each: a large copy may take longer than a signature holds.
                source = source_of(container.blob(info.key))
                target.stage_block_from_url(
                    ids.next(),
                    source.url,
                    source_offset=start,
                    source_length=size,
                    # The client has no parameter for it.
                    headers={"x-ms-source-if-match": f'"{info.etag}"'},
                    **source.authorized(),
                )
            start += size
        commit_blocks(store, container, key, ids)


def source_of(blob: BlobClient) -> CopySource:
    """How the store itself may read ``blob``, by the credentials of its client.

    Raises UnsupportedOperation where these can authorise nobody else.
    """
    credential: Any = blob.credential
    if "?" in blob.url:
        # A shared access signature is part of the URL.
        return CopySource(blob.url, None)
    if hasattr(credential, "account_key"):
        signature = generate_blob_sas(
            blob.account_name or credential.account_name,
            blob.container_name,
            blob.blob_name,
            account_key=credential.account_key,
            permission=BlobSasPermissions(read=True),
            expiry=datetime.now(UTC) + _SIGNED_FOR,
        )
        return CopySource(f"{blob.url}?{signature}", None)
    if hasattr(credential, "get_token"):
        return CopySource(blob.url, f"Bearer {credential.get_token(_TOKEN_SCOPE).token}")
    raise UnsupportedOperation("These credentials cannot let the store read its own object for a copy")
