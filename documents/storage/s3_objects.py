"""What every store with the API of S3 does with objects. Adapters are composed of this and of the other ``s3_*`` files.

An adapter of your own inherits from the operations its store has, and defines only what differs.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from documents.errors import ObjectExists, ObjectNotFound, StorageUnavailable, UnsupportedOperation
from documents.storage.base import Buffer, ObjectInfo, ObjectReader, ObjectRef
from documents.storage.hashing import checksum_of
from documents.storage.keys import can_begin_a_key, is_valid_key
from documents.storage.s3_bucket import S3Bucket, as_body, check_listing
from documents.storage.s3_reader import S3Reader
from documents.storage.s3_retry import retry_conflicts
from documents.storage.streaming import DerivedOperations


class S3Operations:
    """What every group of operations stands on: the bucket, as ``s3_bucket`` has it, and the provider's name."""

    name: str
    bucket: S3Bucket


class S3Objects(S3Operations, DerivedOperations):
    """Put, get, head, delete and list; ``ConditionalCreate``, ``CompareAndSet`` and ``OrderedListing``."""

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        """As ``StorageProvider`` says. A store that lacks conditional writes is looked at before the put.

        There two writers that race for one key may both succeed, and the later one's object stays: whoever makes each
        key once, as the vault does for its sealed objects, loses nothing. ``put_if_absent`` refuses instead.
        """
        body = as_body(data)
        try:
            self._create(key, body)
        except UnsupportedOperation:
            self._refuse_taken(key)
            self._put(key, body)
        return ObjectRef(self.bucket.provider, key, len(body), checksum_of(body))

    def put_if_absent(self, key: str, data: Buffer) -> ObjectRef:
        """As ``ConditionalCreate`` says. Raises UnsupportedOperation where the store has no conditional writes."""
        body = as_body(data)
        try:
            self._create(key, body)
        except UnsupportedOperation as error:
            raise UnsupportedOperation(
                "This store has no capability ConditionalCreate",
                provider=self.bucket.provider,
                key=key,
                hint="It refuses the header If-None-Match of a PUT",
            ) from error
        return ObjectRef(self.bucket.provider, key, len(body), checksum_of(body))

    def replace(self, key: str, data: Buffer, *, etag: str) -> ObjectInfo:
        body = as_body(data)
        try:
            retry_conflicts(lambda: self._put(key, body, IfMatch=f'"{etag}"'))
        except ObjectExists:
            if not self.exists(key):
                raise ObjectNotFound("There is no such object", provider=self.bucket.provider, key=key) from None
            # RADOS Gateway compares the quotes as well; another object's ETag fits neither way.
            retry_conflicts(lambda: self._put(key, body, IfMatch=etag))
        return self.head(key)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        return S3Reader(self.bucket, key, start=start, length=length)

    def head(self, key: str) -> ObjectInfo:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        try:
            with bucket.errors(key):
                answer = bucket.wire.head_object(Key=full_key)
                return bucket.info(key, answer, size=answer["ContentLength"])
        except ObjectNotFound:
            # The answer to a HEAD has no body to tell a missing object from a missing bucket.
            bucket.check_bucket()
            raise

    def delete(self, key: str) -> None:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        with bucket.errors(key):
            answer = bucket.client.delete_object(Bucket=bucket.name, Key=full_key)
        if answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NO_CONTENT and self.exists(key):
            raise StorageUnavailable("The store did not delete the object", provider=bucket.provider, key=key)

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return self.iter_locations_after(prefix, "")

    def iter_locations_after(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        if not can_begin_a_key(prefix):
            return
        bucket = self.bucket
        pages = bucket.client.get_paginator("list_objects_v2")
        start: dict[str, Any] = {"StartAfter": bucket.prefix + after} if after else {}
        with bucket.errors():
            for page in pages.paginate(Bucket=bucket.name, Prefix=bucket.prefix + prefix, **start):
                check_listing(page)
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(bucket.prefix)
                    if key > after and is_valid_key(key):
                        yield bucket.info(key, entry, size=entry["Size"])

    def _create(self, key: str, body: bytes) -> None:
        retry_conflicts(lambda: self._put(key, body, IfNoneMatch="*"))

    def _refuse_taken(self, key: str) -> None:
        if self.exists(key):
            raise ObjectExists("An object with this key is there already", provider=self.bucket.provider, key=key)

    def _put(self, key: str, body: bytes, **condition: Any) -> None:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        with bucket.errors(key):
            answer = bucket.wire.put_object(Key=full_key, Body=body, **condition)
            # An answer without it is none of S3's, whatever its status.
            answer["ETag"]
