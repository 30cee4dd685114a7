"""Bulk deletion in stores with the API of S3: DeleteObjects, a thousand keys to a request."""

from collections.abc import Iterable, Iterator
from itertools import islice

from botocore.exceptions import ClientError

from documents.errors import StorageError
from documents.storage.capabilities import Deletion
from documents.storage.s3_errors import from_client_error
from documents.storage.s3_objects import S3Operations

# Amazon S3 API Reference, DeleteObjects: "up to 1,000 keys".
BATCH = 1_000


class S3BulkDelete(S3Operations):
    """``BulkDelete``. The store answers for each key by itself, and that is what each key is told."""

    def delete_many(self, keys: Iterable[str]) -> Iterator[Deletion]:
        rest = iter(keys)
        while batch := list(islice(rest, BATCH)):
            yield from self._delete_batch(batch)

    def _delete_batch(self, keys: list[str]) -> list[Deletion]:
        wrong, by_full_key = self._sorted_out(keys)
        if not by_full_key:
            return wrong
        bucket = self.bucket
        try:
            with bucket.errors():
                answer = bucket.client.delete_objects(
                    Bucket=bucket.name, Delete={"Objects": [{"Key": key} for key in by_full_key]}
                )
                failed = {error["Key"]: error.get("Code", "") for error in answer.get("Errors", ())}
                gone = {deleted["Key"] for deleted in answer.get("Deleted", ())}
        except StorageError as error:
            return [*wrong, *(Deletion(key, error) for key in by_full_key.values())]
        return [
            *wrong,
            *(Deletion(key, self._outcome(full, key, failed, gone)) for full, key in by_full_key.items()),
        ]

    def _sorted_out(self, keys: list[str]) -> tuple[list[Deletion], dict[str, str]]:
        wrong, by_full_key = [], {}
        for key in keys:
            try:
                by_full_key[self.bucket.full_key(key)] = key
            except StorageError as error:
                wrong.append(Deletion(key, error))
        return wrong, by_full_key

    def _outcome(self, full_key: str, key: str, failed: dict[str, str], gone: set[str]) -> StorageError | None:
        if full_key in gone:
            return None
        provider = self.bucket.provider
        if full_key in failed:
            error = ClientError({"Error": {"Code": failed[full_key]}}, "DeleteObjects")
            return from_client_error(error, provider=provider, key=key)
        return StorageError("The store did not say whether it deleted the object", provider=provider, key=key)
