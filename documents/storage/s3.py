"""Objects in a bucket of Amazon S3, or of any store that speaks its API.

Importing this module imports botocore, which takes a moment: ``documents.wiring`` does it where one is built.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from documents.errors import ObjectExists, StorageUnavailable, UnsupportedOperation
from documents.storage.base import Buffer, ObjectInfo, ObjectReader, ObjectRef, ObjectWriter, Part
from documents.storage.hashing import checksum_of
from documents.storage.keys import can_begin_a_key, is_valid_key
from documents.storage.multipart import DEFAULT_PART_SIZE, MIN_PART_SIZE, BufferedMultipartWriter
from documents.storage.s3_bucket import S3Bucket, as_body, check_listing
from documents.storage.s3_client import client_of, s3_alias
from documents.storage.s3_multipart import S3Multipart
from documents.storage.s3_presign import S3Presigner
from documents.storage.s3_reader import S3Reader
from documents.storage.s3_retry import retry_conflicts
from documents.storage.streaming import DerivedOperations

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Provider(DerivedOperations):
    """A ``StorageProvider`` with every capability of ``base.py``; for any number of threads.

    ``prefix`` is put before every key and never seen by callers. Objects under it whose keys no provider accepts
    (the "folders" of S3 browsers) are not listed. The caller keeps and closes ``client``.
    """

    def __init__(
        self,
        *,
        client: "S3Client",
        bucket: str,
        name: str = "s3",
        prefix: str = "",
        part_size: int = DEFAULT_PART_SIZE,
    ) -> None:
        self.name = name
        self.min_part_size = MIN_PART_SIZE
        self.part_size = part_size
        folder = prefix.strip("/")
        self.bucket = S3Bucket(client, bucket, f"{folder}/" if folder else "", provider=name)
        self._multipart = S3Multipart(self.bucket)
        self._presigner = S3Presigner(self.bucket)

    @classmethod
    def from_storages(cls, alias: str = "s3", *, name: str = "s3") -> Self:
        """The provider of an S3 alias in ``settings.STORAGES``; build it once per process, after any fork."""
        storage = s3_alias(alias)
        return cls(client=client_of(storage), bucket=storage.bucket_name, name=name, prefix=storage.location)

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        full_key = self.bucket.full_key(key)
        body = as_body(data)

        def put(**condition: Any) -> None:
            with self.bucket.errors(key):
                answer = self.bucket.client.put_object(Bucket=self.bucket.name, Key=full_key, Body=body, **condition)
                # An answer without it is none of S3's, whatever its status.
                answer["ETag"]

        try:
            retry_conflicts(lambda: put(IfNoneMatch="*"))
        except UnsupportedOperation:
            # A store that lacks conditional writes: keys are unique, so looking before is as good as it gets.
            if self.exists(key):
                raise ObjectExists("An object with this key is there already", provider=self.name, key=key) from None
            put()
        return ObjectRef(self.name, key, len(body), checksum_of(body))

    def open_writer(self, key: str) -> ObjectWriter:
        self.bucket.full_key(key)
        return BufferedMultipartWriter(self, key, part_size=self.part_size)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        return S3Reader(self.bucket, key, start=start, length=length)

    def head(self, key: str) -> ObjectInfo:
        return self._multipart.head(key)

    def delete(self, key: str) -> None:
        full_key = self.bucket.full_key(key)
        with self.bucket.errors(key):
            answer = self.bucket.client.delete_object(Bucket=self.bucket.name, Key=full_key)
        if answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NO_CONTENT and self.exists(key):
            raise StorageUnavailable("The store did not delete the object", provider=self.name, key=key)

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        if not can_begin_a_key(prefix):
            return
        bucket = self.bucket
        pages = bucket.client.get_paginator("list_objects_v2")
        with bucket.errors():
            for page in pages.paginate(Bucket=bucket.name, Prefix=bucket.prefix + prefix):
                check_listing(page)
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(bucket.prefix)
                    if is_valid_key(key):
                        yield bucket.info(key, entry, size=entry["Size"])

    def create_multipart(self, key: str) -> str:
        return self._multipart.create(key)

    def upload_part(self, key: str, upload_id: str, part_number: int, data: Buffer) -> Part:
        return self._multipart.upload_part(key, upload_id, part_number, data)

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        return self._multipart.list_parts(key, upload_id)

    def complete_multipart(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        return self._multipart.complete(key, upload_id, list(parts))

    def abort_multipart(self, key: str, upload_id: str) -> None:
        self._multipart.abort(key, upload_id)

    def iter_multiparts(self, prefix: str = "") -> Iterator[tuple[str, str, datetime]]:
        return self._multipart.iter_multiparts(prefix)

    def remove_unfinished(self, *, older_than: timedelta) -> int:
        return self._multipart.remove_unfinished(older_than=older_than)

    def presign_get(self, key: str, *, expires: timedelta) -> str:
        return self._presigner.get(key, expires=expires)

    def presign_put(self, key: str, *, expires: timedelta) -> str:
        return self._presigner.put(key, expires=expires)

    def presign_part(self, key: str, *, upload_id: str, part_number: int, expires: timedelta) -> str:
        return self._presigner.part(key, upload_id=upload_id, part_number=part_number, expires=expires)
