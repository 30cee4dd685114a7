"""Multipart uploads of stores with the API of S3."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from documents.errors import ObjectNotFound, StorageUnavailable, UnsupportedOperation
from documents.storage.base import Buffer, ObjectInfo, ObjectWriter
from documents.storage.capabilities import Part
from documents.storage.keys import can_begin_a_key, is_valid_key
from documents.storage.multipart import DEFAULT_PART_SIZE, MIN_PART_SIZE, BufferedMultipartWriter
from documents.storage.s3_bucket import as_body, check_listing, without_quotes
from documents.storage.s3_objects import S3Objects
from documents.storage.s3_retry import retry_conflicts

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


class S3MultipartUploads(S3Objects):
    """``Multipart`` and ``UnfinishedWrites``; every writer is a ``BufferedMultipartWriter``."""

    min_part_size = MIN_PART_SIZE
    part_size = DEFAULT_PART_SIZE

    def open_writer(self, key: str) -> ObjectWriter:
        self.bucket.full_key(key)
        return BufferedMultipartWriter(self, key, part_size=self.part_size)

    def create_multipart(self, key: str) -> str:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        with bucket.errors(key):
            return bucket.client.create_multipart_upload(Bucket=bucket.name, Key=full_key)["UploadId"]

    def upload_part(self, key: str, upload_id: str, part_number: int, data: Buffer) -> Part:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        body = as_body(data)
        with bucket.errors(key):
            answer = bucket.wire.upload_part(Key=full_key, UploadId=upload_id, PartNumber=part_number, Body=body)
            return Part(number=part_number, etag=without_quotes(answer["ETag"]), size=len(body))

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        pages = bucket.client.get_paginator("list_parts")
        with bucket.errors(key):
            for page in pages.paginate(Bucket=bucket.name, Key=full_key, UploadId=upload_id):
                check_listing(page)
                for part in page.get("Parts", ()):
                    yield Part(number=part["PartNumber"], etag=without_quotes(part["ETag"]), size=part["Size"])

    def complete_multipart(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        """Some stores ignore the condition here (RADOS Gateway). Some refuse it: then the key is looked at before.

        Where the answer is lost, or a repeated request is told that the upload has gone, the object itself says
        whether it is ours: its ETag is made from those of the parts.
        """
        listed = list(parts)
        try:
            try:
                retry_conflicts(lambda: self._complete(key, upload_id, listed, {"IfNoneMatch": "*"}))
            except UnsupportedOperation:
                self._refuse_taken(key)
                self._complete(key, upload_id, listed, {})
        except (StorageUnavailable, ObjectNotFound):
            info = self._find(key)
            if info is None or info.etag != _joined_etag(listed):
                raise
            return info
        return self.head(key)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        try:
            with bucket.errors(key):
                answer = bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=full_key, UploadId=upload_id)
            if answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NO_CONTENT:
                # Of no store that did it. Of an upload that has gone the parts are not found.
                next(self.list_parts(key, upload_id), None)
                raise StorageUnavailable("The store did not abort the upload", provider=bucket.provider, key=key)
        except ObjectNotFound:
            pass

    def iter_multiparts(self, prefix: str = "") -> Iterator[tuple[str, str, datetime]]:
        if not can_begin_a_key(prefix):
            return
        bucket = self.bucket
        pages = bucket.client.get_paginator("list_multipart_uploads")
        with bucket.errors():
            for page in pages.paginate(Bucket=bucket.name, Prefix=bucket.prefix + prefix):
                check_listing(page)
                for upload in page.get("Uploads", ()):
                    key = upload["Key"].removeprefix(bucket.prefix)
                    if is_valid_key(key):
                        yield key, upload["UploadId"], upload["Initiated"].astimezone(UTC)

    def remove_unfinished(self, *, older_than: timedelta, only: Callable[[str], bool] | None = None) -> int:
        before = datetime.now(UTC) - older_than
        removed = 0
        for key, upload_id, started_at in self.iter_multiparts():
            if started_at < before and (only is None or only(key)):
                self.abort_multipart(key, upload_id)
                removed += 1
        return removed

    def _complete(self, key: str, upload_id: str, parts: list[Part], condition: dict[str, Any]) -> None:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        listed: list[CompletedPartTypeDef] = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        with bucket.errors(key):
            answer = bucket.client.complete_multipart_upload(
                Bucket=bucket.name, Key=full_key, UploadId=upload_id, MultipartUpload={"Parts": listed}, **condition
            )
            # An answer without it is none of S3's, or one that failed after its 200.
            answer["ETag"]

    def _find(self, key: str) -> ObjectInfo | None:
        try:
            return self.head(key)
        except (StorageUnavailable, ObjectNotFound):
            return None


def _joined_etag(parts: list[Part]) -> str:
    """The ETag S3 gives to an object of these parts, or "" where the parts' own are no MD5 (encrypted buckets)."""
    try:
        joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    except ValueError:
        return ""
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
