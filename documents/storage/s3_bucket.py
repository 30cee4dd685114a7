"""One bucket as the parts of the S3 provider see it: the client, the bucket, the prefix, and errors translated."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from documents.errors import BucketNotFound, ObjectNotFound
from documents.storage.base import Buffer, ObjectInfo
from documents.storage.keys import prefixed_key
from documents.storage.s3_errors import translated
from documents.storage.s3_wire import S3Wire

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """``prefix`` is "" or ends in a slash; ``provider`` is the name that errors and references carry.

    ``wire`` is for the requests that carry objects or ask for one; ``client`` for all others.
    """

    client: "S3Client"
    name: str
    prefix: str
    provider: str
    wire: S3Wire = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire", S3Wire(self.client, self.name))

    def full_key(self, key: str) -> str:
        """The key as the store knows it. Raises InvalidObjectKey."""
        return prefixed_key(self.prefix, key, provider=self.provider)

    def errors(self, key: str = "") -> AbstractContextManager[None]:
        return translated(provider=self.provider, key=key)

    def check_bucket(self) -> None:
        """Raises BucketNotFound, or whatever else keeps these credentials from the bucket."""
        try:
            with self.errors():
                self.client.head_bucket(Bucket=self.name)
        except ObjectNotFound as error:
            raise BucketNotFound(
                f"There is no bucket {self.name!r}", provider=self.provider, hint="Create it, or correct S3_BUCKET"
            ) from error

    def info(self, key: str, answer: Mapping[str, Any], *, size: int) -> ObjectInfo:
        """Raises KeyError where the answer lacks a field, which ``errors`` translates."""
        modified_at: datetime = answer["LastModified"]
        return ObjectInfo(
            key=key, size=size, modified_at=modified_at.astimezone(UTC), etag=without_quotes(answer["ETag"])
        )


def check_listing(page: Mapping[str, Any]) -> None:
    """Raises KeyError, which ``errors`` translates, where a page is none: an error in a 200 would look like an empty
    listing, and everything would seem to be gone."""
    page["IsTruncated"]


def as_body(data: Buffer) -> bytes:
    """What the client takes for a body. A bytearray goes as it is, without a copy, though the stubs do not say so."""
    return bytes(data) if isinstance(data, memoryview) else cast("bytes", data)


def without_quotes(etag: str) -> str:
    """Return an ETag as this project has it: HTTP writes it in quotes (RFC 9110 §8.8.3)."""
    return etag.strip('"')
