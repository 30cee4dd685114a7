"""One bucket as the parts of the GCS provider see it: the client, the bucket, the prefix, and errors translated."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.retry import Retry
from google.cloud.storage import Blob, Client
from google.cloud.storage.retry import DEFAULT_RETRY

from documents.errors import BucketNotFound, ObjectNotFound, StorageError
from documents.storage.base import ObjectInfo
from documents.storage.gcs_errors import translated
from documents.storage.keys import prefixed_key

# Seconds to connect, and between two bytes of an answer.
TIMEOUT = (10.0, 60.0)
# The first pause before a request is repeated, and the longest, in seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class GcsBucket:
    """``prefix`` is "" or ends in a slash; ``provider`` is the name that errors and references carry.

    ``patience`` is how long a request that failed for the moment is repeated.
    """

    client: Client
    name: str
    prefix: str
    provider: str
    patience: timedelta

    @property
    def retry(self) -> Retry:
        """Google's choice of what to repeat (connections, 408, 429, 5xx), for as long as ``patience``."""
        limited: Retry = DEFAULT_RETRY.with_timeout(self.patience.total_seconds())
        return limited.with_delay(initial=_FIRST_PAUSE, maximum=_LONGEST_PAUSE)

    def full_key(self, key: str) -> str:
        """The key as the store knows it. Raises InvalidObjectKey."""
        return prefixed_key(self.prefix, key, provider=self.provider)

    def blob(self, key: str) -> Blob:
        """Google's handle of an object; nothing is asked of the store. Raises InvalidObjectKey."""
        return self.client.bucket(self.name).blob(self.full_key(key))

    def errors(self, key: str = "", *, missing: type[StorageError] = ObjectNotFound) -> AbstractContextManager[None]:
        return translated(provider=self.provider, key=key, missing=missing)

    def check_bucket(self) -> None:
        """Raises BucketNotFound, or whatever else keeps these credentials from the bucket.

        A listing, because asking for the bucket itself takes a permission that a vault has no other use for.
        """
        with self.errors(missing=BucketNotFound):
            listing = self.client.list_blobs(
                self.name, max_results=1, fields="kind,items(name)", retry=self.retry, timeout=TIMEOUT
            )
            next(iter(listing), None)

    def info(self, key: str, blob: Blob) -> ObjectInfo:
        """Raises TypeError where the answer lacked a field, which ``errors`` translates.

        The ETag is the generation: that is what GCS compares with when it writes.
        """
        created_at: datetime | None = blob.time_created
        if created_at is None:
            raise TypeError("An object without timeCreated")
        return ObjectInfo(
            key=key, size=int(blob.size), modified_at=created_at.astimezone(UTC), etag=str(int(blob.generation))
        )


def check_listing(page: Mapping[str, Any]) -> None:
    """Raises LookupError, which ``errors`` translates, where a page is none: it would look like an empty listing, and
    everything would seem to be gone."""
    if page.get("kind") != "storage#objects":
        raise LookupError("A listing that is none of GCS")
