"""URLs signed for clients without credentials, by stores with the API of S3."""

import base64
from datetime import timedelta
from typing import Any, Literal

from documents.errors import StorageError
from documents.storage.s3_objects import S3Operations

# The longest that Signature Version 4 allows (Amazon S3 User Guide, "Presigned URLs").
_LONGEST = timedelta(days=7)
_SHORTEST = timedelta(seconds=1)

_Operation = Literal["get_object", "put_object", "upload_part"]


class S3PresignedUrls(S3Operations):
    """``Presigning``. Nothing is asked of the store: a URL is arithmetic over the credentials."""

    def presign_get(
        self, key: str, *, expires: timedelta, content_type: str = "", content_disposition: str = ""
    ) -> str:
        wanted = {"ResponseContentType": content_type, "ResponseContentDisposition": content_disposition}
        return self._sign("get_object", key, expires, **{name: value for name, value in wanted.items() if value})

    def presign_put(self, key: str, *, expires: timedelta, checksum: str = "") -> str:
        algorithm, _, digest = checksum.partition(":")
        if checksum and algorithm != "sha256":
            raise StorageError(f"A checksum is sha256:…, not {algorithm}:…", provider=self.bucket.provider, key=key)
        sealed = {"ChecksumSHA256": base64.b64encode(bytes.fromhex(digest)).decode()} if checksum else {}
        return self._sign("put_object", key, expires, IfNoneMatch="*", **sealed)

    def presign_part(self, key: str, *, upload_id: str, part_number: int, expires: timedelta) -> str:
        return self._sign("upload_part", key, expires, UploadId=upload_id, PartNumber=part_number)

    def _sign(self, operation: _Operation, key: str, expires: timedelta, **parameters: Any) -> str:
        bucket = self.bucket
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
