"""Objects in a bucket of Amazon S3, or of any store that speaks its API.

Importing this module imports botocore, which takes a moment: ``documents.wiring`` does it where one is built.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from documents.storage.multipart import DEFAULT_PART_SIZE, MIN_PART_SIZE
from documents.storage.patience import LONGEST_WAIT
from documents.storage.s3_acls import S3Acls
from documents.storage.s3_bucket import S3Bucket
from documents.storage.s3_buckets import S3Buckets
from documents.storage.s3_bulk import S3BulkDelete
from documents.storage.s3_client import client_of, s3_alias
from documents.storage.s3_copy import S3Copies
from documents.storage.s3_presign import S3PresignedUrls
from documents.storage.s3_versions import S3Versions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Adapter(S3Copies, S3PresignedUrls, S3Versions, S3Acls):
    """What all the adapters have; for any number of threads.

    ``prefix`` is put before every key and never seen by callers. Objects under it whose keys no provider accepts
    (the "folders" of S3 browsers) are not listed. The caller keeps and closes ``client``. ``part_size`` is checked at
    the start: ValueError below 5 MiB.
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
        if part_size < MIN_PART_SIZE:
            raise ValueError(f"A part has at least {MIN_PART_SIZE:,} bytes, not {part_size:,}.")
        self.name = name
        self.part_size = part_size
        folder = prefix.strip("/")
        self.bucket = S3Bucket(client, bucket, f"{folder}/" if folder else "", provider=name)

    @classmethod
    def from_storages(
        cls,
        alias: str = "s3",
        *,
        name: str = "s3",
        part_size: int = DEFAULT_PART_SIZE,
        timeout: timedelta = LONGEST_WAIT,
    ) -> Self:
        """The provider of an S3 alias in ``settings.STORAGES``; build it once per process, after any fork."""
        storage = s3_alias(alias)
        return cls(
            client=client_of(storage, timeout=timeout),
            bucket=storage.bucket_name,
            name=name,
            prefix=storage.location,
            part_size=part_size,
        )


class S3Provider(S3Adapter, S3BulkDelete, S3Buckets):
    """A ``StorageProvider`` with every capability of ``capabilities.py``."""
