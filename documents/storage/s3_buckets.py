"""Buckets of stores with the API of S3."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

from documents.errors import BucketNotFound, ObjectExists, ObjectNotFound, StorageUnavailable
from documents.storage.bucket_capabilities import BucketInfo
from documents.storage.s3_objects import S3Operations


class S3Buckets(S3Operations):
    """``Buckets``."""

    def list_buckets(self) -> Iterator[BucketInfo]:
        bucket = self.bucket
        with bucket.errors():
            listed = bucket.client.list_buckets()["Buckets"]
        for entry in listed:
            created_at: datetime | None = entry.get("CreationDate")
            yield BucketInfo(entry["Name"], created_at.astimezone(UTC) if created_at else None)

    def create_bucket(self, name: str) -> None:
        if self.has_bucket(name):  # of a bucket that is one's own already some stores say 200
            raise ObjectExists(f"There is a bucket {name!r} already", provider=self.bucket.provider)
        client = self.bucket.client
        # us-east-1 is the region that must not be named (Amazon S3 API Reference, CreateBucket).
        region = client.meta.region_name
        here = {} if region in ("", "us-east-1") else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with self.bucket.errors():
            client.create_bucket(Bucket=name, **here)  # type: ignore[arg-type]  # the stubs list every region

    def has_bucket(self, name: str) -> bool:
        try:
            with self.bucket.errors():
                self.bucket.client.head_bucket(Bucket=name)
        except (ObjectNotFound, BucketNotFound):
            return False
        return True

    def delete_bucket(self, name: str) -> None:
        try:
            with self.bucket.errors():
                answer = self.bucket.client.delete_bucket(Bucket=name)
        except (ObjectNotFound, BucketNotFound):
            return
        if answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NO_CONTENT and self.has_bucket(name):
            raise StorageUnavailable("The store did not delete the bucket", provider=self.bucket.provider)
