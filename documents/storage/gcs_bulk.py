"""Bulk deletion in Google Cloud Storage: its batch endpoint, a hundred deletions to a request."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import islice
from typing import Any

from google.api_core.exceptions import from_http_response

from documents.errors import ObjectNotFound, StorageError
from documents.storage.capabilities import Deletion
from documents.storage.gcs_bucket import TIMEOUT, GcsBucket

# Cloud Storage, "Batch requests": "You should not include more than 100 calls in a single batch request."
BATCH = 100


class GcsBulkDelete:
    """``BulkDelete``. The store answers for each key by itself, and that is what each key is told."""

    bucket: GcsBucket

    def delete_many(self, keys: Iterable[str]) -> Iterator[Deletion]:
        rest = iter(keys)
        while batch := list(islice(rest, BATCH)):
            yield from self._delete_batch(batch)

    def _delete_batch(self, keys: list[str]) -> Iterator[Deletion]:
        valid = []
        for key in keys:
            try:
                self.bucket.full_key(key)
            except StorageError as error:
                yield Deletion(key, error)
            else:
                valid.append(key)
        if not valid:
            return
        try:
            with self.bucket.errors():
                answers = self.bucket.retry(self._request)(valid)
            if any(answer.status_code == HTTPStatus.NOT_FOUND for answer in answers):
                # Never there, or no bucket: the same status.
                self.bucket.check_bucket()
        except StorageError as error:
            yield from (Deletion(key, error) for key in valid)
        else:
            yield from (Deletion(key, self._outcome(key, answer)) for key, answer in zip(valid, answers, strict=True))

    def _request(self, keys: list[str]) -> list[Any]:
        batch = self.bucket.client.batch(raise_exception=False)
        with batch:
            for key in keys:
                self.bucket.blob(key).delete(timeout=TIMEOUT, retry=None)
        return list(batch._responses)

    def _outcome(self, key: str, answer: Any) -> StorageError | None:
        if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            return None
        try:
            with self.bucket.errors(key):
                raise from_http_response(answer)
        except ObjectNotFound:
            return None
        except StorageError as error:
            return error
