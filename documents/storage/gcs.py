"""Objects in a bucket of Google Cloud Storage.

Importing this module imports Google's library, which comes with the extra ``clouds``.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Self

from google.api_core.exceptions import from_http_response
from google.cloud.storage import Blob, Client

from documents.errors import BucketNotFound, IntegrityMismatch, ObjectExists, ObjectNotFound, StorageUnavailable
from documents.storage.base import Buffer, ObjectInfo, ObjectReader, ObjectRef, ObjectWriter
from documents.storage.gcs_bucket import TIMEOUT, GcsBucket, check_listing
from documents.storage.gcs_bulk import GcsBulkDelete
from documents.storage.gcs_client import client_of, gcs_alias
from documents.storage.gcs_writer import PART_SIZE, GcsWriter
from documents.storage.hashing import checksum_of
from documents.storage.keys import can_begin_a_key, is_valid_key
from documents.storage.patience import LONGEST_WAIT
from documents.storage.streaming import DerivedOperations, check_range, write_all
from documents.storage.window_reader import WindowReader

# A number of an object's state, positive and of 64 bits. 0 would mean "only where there is none".
_GENERATION = re.compile(r"[1-9][0-9]{0,18}")
# What a listing asks for: the kind shows that it is one.
_FIELDS = "kind,nextPageToken,items(name,size,timeCreated,generation)"


class GcsProvider(GcsBulkDelete, DerivedOperations):
    """A ``StorageProvider`` with ``ConditionalCreate``, ``CompareAndSet``, ``Copying``, ``BulkDelete`` and
    ``OrderedListing``.

    For any number of threads. An ETag here is the object's generation. ``prefix`` is put before every key and never
    seen by callers; objects under it whose keys no provider accepts are not listed. The caller keeps and closes
    ``client``. ``patience`` is how long a request that failed for the moment is repeated.

    It leaves out ``Presigning``: a put signed by GCS is made conditional by ``x-goog-if-generation-match``, not by the
    ``If-None-Match`` that the capability promises, and its JSON API has no parts. ``Multipart`` and
    ``UnfinishedWrites``: upload sessions take their parts in order, and cannot be listed; the store drops them after
    a week by itself.
    """

    def __init__(
        self,
        *,
        client: Client,
        bucket: str,
        name: str = "gcs",
        prefix: str = "",
        patience: timedelta = timedelta(minutes=1),
    ) -> None:
        self.name = name
        folder = prefix.strip("/")
        self.bucket = GcsBucket(client, bucket, f"{folder}/" if folder else "", provider=name, patience=patience)

    @classmethod
    def from_storages(cls, alias: str = "gcs", *, name: str = "gcs", timeout: timedelta = LONGEST_WAIT) -> Self:
        """The provider of a GCS alias in ``settings.STORAGES``; build it once per process, after any fork."""
        storage = gcs_alias(alias)
        client = client_of(storage, provider=name)
        # The last attempt begins within it, and may wait as long again.
        patience = timeout / 5
        return cls(client=client, bucket=storage.bucket_name, name=name, prefix=storage.location, patience=patience)

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        self.bucket.full_key(key)
        body = bytes(data)
        if len(body) > PART_SIZE:
            # Longer than one request should be: a session goes on where the connection broke.
            return write_all(self.open_writer(key), [body])
        self._put(key, body, generation=0)
        return ObjectRef(self.name, key, len(body), checksum_of(body))

    def open_writer(self, key: str) -> ObjectWriter:
        return GcsWriter(self, self.bucket, key)

    def replace(self, key: str, data: Buffer, *, etag: str) -> ObjectInfo:
        self.bucket.full_key(key)
        try:
            if not _GENERATION.fullmatch(etag):
                raise ObjectExists("No object of this store has such an ETag", provider=self.name, key=key)
            return self._put(key, bytes(data), generation=int(etag))
        except ObjectExists:
            if not self.exists(key):
                raise ObjectNotFound("There is no such object", provider=self.name, key=key) from None
            raise

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        check_range(start, length, provider=self.name, key=key)
        info = self.head(key)
        return WindowReader(
            info, lambda at, count: self._read(info, at, count), start=start, length=length, provider=self.name
        )

    def head(self, key: str) -> ObjectInfo:
        bucket, blob = self.bucket, self.bucket.blob(key)
        try:
            with bucket.errors(key):
                blob.reload(timeout=TIMEOUT, retry=bucket.retry)
                return bucket.info(key, blob)
        except ObjectNotFound:
            bucket.check_bucket()
            raise

    def delete(self, key: str) -> None:
        try:
            with self.bucket.errors(key):
                status = self.bucket.retry(self._delete)(self.bucket.blob(key))
        except ObjectNotFound:
            self.bucket.check_bucket()
            return
        if status != HTTPStatus.NO_CONTENT and self.exists(key):
            raise StorageUnavailable("The store did not delete the object", provider=self.name, key=key)

    def copy(self, source: str, key: str) -> ObjectInfo:
        """The store copies in steps, and shows the copy after the last one (Cloud Storage, "Objects: rewrite")."""
        bucket, target = self.bucket, self.bucket.blob(key)
        pinned = self.head(source)
        origin, token = bucket.blob(source), None
        while True:
            with bucket.errors(key):
                token, _, _ = target.rewrite(
                    origin, token=token, if_generation_match=0, if_source_generation_match=int(pinned.etag),
                    timeout=TIMEOUT, retry=bucket.retry,
                )  # fmt: skip
                if token is None:
                    return bucket.info(key, target)

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return self.iter_locations_after(prefix, "")

    def iter_locations_after(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        """The store's own offset is the first key that it lists (Cloud Storage, "Objects: list"); ``after`` is not."""
        if not can_begin_a_key(prefix):
            return
        bucket = self.bucket
        with bucket.errors(missing=BucketNotFound):
            listing = bucket.client.list_blobs(
                bucket.name, prefix=bucket.prefix + prefix, start_offset=bucket.prefix + after if after else None,
                fields=_FIELDS, timeout=TIMEOUT, retry=bucket.retry,
            )  # fmt: skip
            for page in listing.pages:
                check_listing(page.raw_page)
                for blob in page:
                    key = blob.name.removeprefix(bucket.prefix)
                    if key > after and is_valid_key(key):
                        yield bucket.info(key, blob)

    def _delete(self, blob: Blob) -> int:
        """The status of the answer, which Google's own method keeps to itself: any 200 would look like a deletion."""
        client = self.bucket.client
        answer = client._http.request("DELETE", f"{client.api_endpoint}/storage/v1{blob.path}", timeout=TIMEOUT)
        if not answer.ok:
            raise from_http_response(answer)
        return int(answer.status_code)

    def _put(self, key: str, body: bytes, *, generation: int) -> ObjectInfo:
        """Write where the object has this generation, or with 0 where there is none."""
        bucket, blob = self.bucket, self.bucket.blob(key)
        with bucket.errors(key, missing=BucketNotFound):
            blob.upload_from_string(
                body, content_type="application/octet-stream", if_generation_match=generation, checksum="crc32c",
                timeout=TIMEOUT, retry=bucket.retry,
            )  # fmt: skip
            return bucket.info(key, blob)

    def _read(self, info: ObjectInfo, start: int, length: int) -> bytes:
        bucket, blob = self.bucket, self.bucket.blob(info.key)
        try:
            with bucket.errors(info.key):
                window: bytes = blob.download_as_bytes(
                    start=start, end=start + length - 1, raw_download=True, checksum=None,
                    if_generation_match=int(info.etag), timeout=TIMEOUT, retry=bucket.retry,
                )  # fmt: skip
                return window
        except ObjectExists as error:
            # 412: of a read it means that the generation is another.
            raise IntegrityMismatch("The object changed while it was read", provider=self.name, key=info.key) from error
