"""Copies within stores with the API of S3: one request, or parts where the object is too large for one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from documents.storage.base import ObjectInfo
from documents.storage.capabilities import Part
from documents.storage.multipart import MAX_PART_SIZE, next_part_size
from documents.storage.s3_bucket import without_quotes
from documents.storage.s3_multipart import S3MultipartUploads

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

# CopyObject takes objects of up to 5 GiB (Amazon S3 API Reference), and so does a part.
LARGEST_COPY = MAX_PART_SIZE
PART_SIZE = 512 * 1024 * 1024


class S3Copies(S3MultipartUploads):
    """``Copying``. The source is pinned by its ETag, so that no copy is made of two states of it."""

    largest_copy = LARGEST_COPY
    copy_part_size = PART_SIZE

    def copy(self, source: str, key: str) -> ObjectInfo:
        bucket = self.bucket
        bucket.full_key(key)
        info = self.head(source)
        self._refuse_taken(key)
        if info.size > self.largest_copy:
            return self._copy_in_parts(info, key)
        with bucket.errors(key):
            answer = bucket.client.copy_object(
                Bucket=bucket.name,
                Key=bucket.full_key(key),
                CopySource=self._source(source),
                CopySourceIfMatch=f'"{info.etag}"',
            )
            # The error of a copy may stand inside a 200: then the answer has no such member.
            answer["CopyObjectResult"]["ETag"]
        return self.head(key)

    def _copy_in_parts(self, info: ObjectInfo, key: str) -> ObjectInfo:
        upload_id = self.create_multipart(key)
        try:
            parts = list(self._copied_parts(info, key, upload_id))
            return self.complete_multipart(key, upload_id, parts)
        except BaseException:
            self.abort_multipart(key, upload_id)
            raise

    def _copied_parts(self, info: ObjectInfo, key: str, upload_id: str) -> Iterator[Part]:
        bucket, start, number = self.bucket, 0, 1
        while start < info.size:
            size = min(next_part_size(start, self.copy_part_size), info.size - start)
            with bucket.errors(key):
                answer = bucket.client.upload_part_copy(
                    Bucket=bucket.name,
                    Key=bucket.full_key(key),
                    CopySource=self._source(info.key),
                    CopySourceIfMatch=f'"{info.etag}"',
                    CopySourceRange=f"bytes={start}-{start + size - 1}",
                    UploadId=upload_id,
                    PartNumber=number,
                )
                yield Part(number=number, etag=without_quotes(answer["CopyPartResult"]["ETag"]), size=size)
            start, number = start + size, number + 1

    def _source(self, key: str) -> "CopySourceTypeDef":
        return {"Bucket": self.bucket.name, "Key": self.bucket.full_key(key)}
