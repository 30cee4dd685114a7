"""Reads of the S3 provider: one request, pinned to one state of the object, continued when the connection breaks."""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

from documents.errors import IntegrityMismatch, ObjectExists, StorageUnavailable
from documents.storage.base import ObjectInfo
from documents.storage.s3_bucket import S3Bucket
from documents.storage.streaming import ReadsByBuffer, check_range, end_of_range

if TYPE_CHECKING:
    from botocore.response import StreamingBody

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
# How often a read goes on after a broken connection before it gives up; each byte received starts the count again.
_ATTEMPTS = 3


class S3Reader(ReadsByBuffer):
    """An ``ObjectReader`` over the body of a GetObject.

    Where the connection breaks it asks for the rest, with ``If-Match`` on the ETag of the first answer, so that the
    bytes never come from two different objects.
    """

    info: ObjectInfo

    def __init__(
        self, bucket: S3Bucket, key: str, *, start: int = 0, length: int | None = None, version_id: str = ""
    ) -> None:
        check_range(start, length, provider=bucket.provider, key=key)
        self._bucket, self._key, self._position = bucket, key, start
        self._version = {"VersionId": version_id} if version_id else {}
        self._body: StreamingBody | None = None
        self._closed = False
        is_range = start > 0 or length is not None
        last = "" if length is None else str(start + length - 1)
        self.info, self._body = self._request(f"bytes={start}-{last}" if is_range else None, etag=None)
        self._end = end_of_range(self.info.size, start, length, provider=bucket.provider, key=key)

    def readinto(self, buffer: bytearray | memoryview) -> int:
        if self._closed:
            raise ValueError(f"The reader of {self._key!r} is closed.")
        with memoryview(buffer) as view, view.cast("B") as whole, whole[: self._end - self._position] as wanted:
            if not wanted:
                return 0
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    return self._read_some(wanted)
                except StorageUnavailable:
                    self._drop_body()
                    if attempt == _ATTEMPTS:
                        raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._closed = True
        self._drop_body()

    def _read_some(self, wanted: memoryview) -> int:
        if self._body is None:
            _, self._body = self._request(f"bytes={self._position}-{self._end - 1}", etag=self.info.etag)
        with self._bucket.errors(self._key):
            count = self._body.readinto(cast("Any", wanted))
        if not count:
            raise StorageUnavailable(
                f"The answer ended at byte {self._position:,} of {self._end:,}",
                provider=self._bucket.provider,
                key=self._key,
            )
        self._position += count
        return count

    def _request(self, byte_range: str | None, *, etag: str | None) -> tuple[ObjectInfo, "StreamingBody"]:
        bucket = self._bucket
        conditions: dict[str, Any] = {**self._version, **({} if byte_range is None else {"Range": byte_range})}
        if etag is not None:
            conditions["IfMatch"] = f'"{etag}"'
        try:
            with bucket.errors(self._key):
                answer = bucket.wire.get_object(Key=bucket.full_key(self._key), **conditions)
                with ExitStack() as unless_whole:
                    unless_whole.callback(answer["Body"].close)
                    size = self._size(answer, is_range=byte_range is not None)
                    info = bucket.info(self._key, answer, size=size)
                    unless_whole.pop_all()
                return info, answer["Body"]
        except ObjectExists as error:
            # 412: of a read it means that If-Match did not hold.
            raise IntegrityMismatch(
                "The object changed while it was read", provider=bucket.provider, key=self._key
            ) from error

    def _size(self, answer: Mapping[str, Any], *, is_range: bool) -> int:
        if not is_range:
            return int(answer["ContentLength"])
        match = _CONTENT_RANGE.fullmatch(answer.get("ContentRange", ""))
        if match is None or int(match[1]) != self._position:
            raise StorageUnavailable(
                "The store answered with other bytes than the range asked for",
                provider=self._bucket.provider,
                key=self._key,
                hint="It must support the Range header",
            )
        return int(match[3])

    def _drop_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
