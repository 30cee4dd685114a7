"""Bulk deletion in Azure Blob Storage: Blob Batch, 256 deletions to a request."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import islice

from documents.errors import ObjectNotFound, StorageError, StorageUnavailable
from documents.storage.azure_container import AzureContainer
from documents.storage.azure_errors import from_status
from documents.storage.capabilities import Deletion

# Azure Storage, "Blob Batch": "A batch request ... supports up to 256 subrequests."
BATCH = 256


class AzureBulkDelete:
    """``BulkDelete``. The store answers for each key by itself, and that is what each key is told."""

    container: AzureContainer

    def delete_many(self, keys: Iterable[str]) -> Iterator[Deletion]:
        rest = iter(keys)
        while batch := list(islice(rest, BATCH)):
            yield from self._delete_batch(batch)

    def _delete_batch(self, keys: list[str]) -> Iterator[Deletion]:
        by_full_key: dict[str, str] = {}
        for key in keys:
            try:
                by_full_key[self.container.full_key(key)] = key
            except StorageError as error:
                yield Deletion(key, error)
        if not by_full_key:
            return
        try:
            with self.container.errors():
                parts = self.container.client.delete_blobs(*by_full_key, raise_on_any_failure=False)
                answers = [(part.status_code, part.headers.get("x-ms-error-code") or "") for part in parts]
            if len(answers) != len(by_full_key):
                raise StorageUnavailable(
                    f"The store answered for {len(answers)} of {len(by_full_key)} keys",
                    provider=self.container.provider,
                )
        except StorageError as error:
            yield from (Deletion(key, error) for key in by_full_key.values())
        else:
            for key, (status, code) in zip(by_full_key.values(), answers, strict=True):
                yield Deletion(key, self._outcome(key, status, code))

    def _outcome(self, key: str, status: int, code: str) -> StorageError | None:
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        error = from_status(status, code, provider=self.container.provider, key=key)
        return None if isinstance(error, ObjectNotFound) else error
