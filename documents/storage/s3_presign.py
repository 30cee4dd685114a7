"""URLs signed for clients without credentials."""

from datetime import timedelta
from typing import Any, Literal

from documents.errors import StorageError
from documents.storage.s3_bucket import S3Bucket

# The longest that Signature Version 4 allows (Amazon S3 User Guide, "Presigned URLs").
_LONGEST = timedelta(days=7)
_SHORTEST = timedelta(seconds=1)

_Operation = Literal["get_object", "put_object", "upload_part"]


class S3Presigner:
    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket = bucket

    def get(self, key: str, *, expires: timedelta) -> str:
        return self._sign("get_object", key, expires)

    def put(self, key: str, *, expires: timedelta) -> str:
        return self._sign("put_object", key, expires, IfNoneMatch="*")

    def part(self, key: str, *, upload_id: str, part_number: int, expires: timedelta) -> str:
        return self._sign("upload_part", key, expires, UploadId=upload_id, PartNumber=part_number)

    def _sign(self, operation: _Operation, key: str, expires: timedelta, **parameters: Any) -> str:
        bucket = self._bucket
        full_key = bucket.full_key(key)
        if not _SHORTEST <= expires <= _LONGEST:
            raise StorageError(
                f"A URL can be signed for 1 second to 7 days, not for {expires}", provider=bucket.provider, key=key
            )
        with bucket.errors(key):
            return bucket.client.generate_presigned_url(
                operation,
                Params={"Bucket": bucket.name, "Key": full_key, **parameters},
                ExpiresIn=int(expires.total_seconds()),
            )
