"""Streamed writes of the Azure provider: staged blocks, which one request joins to a visible object."""

import uuid

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock

from documents.errors import IntegrityMismatch, ObjectExists
from documents.storage.azure_container import AzureContainer
from documents.storage.base import StorageProvider
from documents.storage.multipart import next_part_size
from documents.storage.part_writer import PartWriter

# Azure takes 50,000 blocks to an object, of up to 4,000 MiB (Azure Storage, "Put Block List"); they grow as the parts
# of S3 do, which reaches 5 TiB with a fifth of them.
BLOCK_SIZE = 8 * 1024 * 1024


class BlockIds:
    """The ids of one writer's blocks: no two writers of a key share any, and all have one length, as Azure wants."""

    def __init__(self) -> None:
        self._writer = uuid.uuid4().hex
        self.given: list[BlobBlock] = []

    def next(self) -> str:
        name = f"{self._writer}-{len(self.given):05}"
        self.given.append(BlobBlock(block_id=name))
        return name


class AzureWriter(PartWriter):
    """Blocks that were staged and not committed belong to no object and are in no listing.

    They cannot be taken back: Azure drops them when a writer of the same key commits, or after a week (Azure Storage,
    "Put Block"). Committing is conditional on there being no object.
    """

    def __init__(self, store: StorageProvider, container: AzureContainer, key: str) -> None:
        super().__init__(store, key)
        container.full_key(key)
        self._container = container
        self._ids = BlockIds()

    def _next_size(self) -> int:
        return next_part_size(self._digest.size, BLOCK_SIZE)

    def _send(self, part: bytearray) -> None:
        stage_block(self._container, self._key, self._ids, bytes(part))

    def _finish(self, part: bytearray) -> int:
        self._send(part)
        commit_blocks(self._store, self._container, self._key, self._ids)
        return self._store.head(self._key).size

    def _drop(self) -> None:
        """There is no such request; see above."""


def put_in_blocks(store: StorageProvider, container: AzureContainer, key: str, body: bytes) -> None:
    """Put ``body`` by staging it as one block, and committing that. Raises ObjectExists."""
    ids = BlockIds()
    if body:
        stage_block(container, key, ids, body)
    commit_blocks(store, container, key, ids)


def stage_block(container: AzureContainer, key: str, ids: BlockIds, data: bytes) -> None:
    with container.errors(key):
        container.blob(key).stage_block(ids.next(), data, validate_content=True)


def commit_blocks(store: StorageProvider, container: AzureContainer, key: str, ids: BlockIds) -> None:
    """Make the blocks the object. Raises ObjectExists."""
    try:
        with container.errors(key):
            container.blob(key).commit_block_list(ids.given, match_condition=MatchConditions.IfMissing)
    except IntegrityMismatch:
        # Whoever committed first made the store drop the blocks of the others.
        if store.exists(key):
            raise ObjectExists(
                "An object with this key is there already", provider=container.provider, key=key
            ) from None
        raise
