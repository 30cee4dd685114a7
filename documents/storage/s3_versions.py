"""Versions of objects in stores with the API of S3."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from documents.errors import ObjectNotFound, StorageUnavailable, UnsupportedOperation
from documents.storage.base import ObjectReader
from documents.storage.bucket_capabilities import ObjectVersion, VersioningState
from documents.storage.keys import can_begin_a_key, is_valid_key
from documents.storage.s3_bucket import check_listing, without_quotes
from documents.storage.s3_objects import S3Operations
from documents.storage.s3_reader import S3Reader


class S3Versions(S3Operations):
    """``Versioning``."""

    def versioning_state(self) -> VersioningState:
        bucket = self.bucket
        with bucket.errors():
            status = bucket.client.get_bucket_versioning(Bucket=bucket.name).get("Status", "Off")
        return VersioningState(status.lower())

    def set_versioning(self, state: VersioningState) -> None:
        bucket = self.bucket
        if state is VersioningState.OFF:
            raise UnsupportedOperation(
                "Versioning that was on once can only be suspended", provider=bucket.provider, hint="Choose SUSPENDED"
            )
        with bucket.errors():
            bucket.client.put_bucket_versioning(
                Bucket=bucket.name,
                VersioningConfiguration={"Status": "Enabled" if state is VersioningState.ENABLED else "Suspended"},
            )
        # The answer has no body: any 200 would look like one.
        if self.versioning_state() is not state:
            raise StorageUnavailable("The store did not change the versioning of the bucket", provider=bucket.provider)

    def iter_versions(self, prefix: str = "") -> Iterator[ObjectVersion]:
        if not can_begin_a_key(prefix):
            return
        bucket = self.bucket
        pages = bucket.client.get_paginator("list_object_versions")
        with bucket.errors():
            for page in pages.paginate(Bucket=bucket.name, Prefix=bucket.prefix + prefix):
                check_listing(page)
                found = [self._version(entry) for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))]
                # The store lists versions and markers apart; of one key the newest comes first.
                found.sort(key=lambda version: (version.key, not version.is_current, -version.modified_at.timestamp()))
                yield from (version for version in found if is_valid_key(version.key))

    def open_version(self, key: str, version_id: str) -> ObjectReader:
        return S3Reader(self.bucket, key, version_id=version_id)

    def delete_version(self, key: str, version_id: str) -> None:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        try:
            with bucket.errors(key):
                answer = bucket.client.delete_object(Bucket=bucket.name, Key=full_key, VersionId=version_id)
        except ObjectNotFound:
            return
        if answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NO_CONTENT and any(
            (version.key, version.version_id) == (key, version_id) for version in self.iter_versions(key)
        ):
            raise StorageUnavailable("The store did not delete the version", provider=bucket.provider, key=key)

    def _version(self, entry: Any) -> ObjectVersion:
        modified_at: datetime = entry["LastModified"]
        return ObjectVersion(
            key=entry["Key"].removeprefix(self.bucket.prefix),
            version_id=entry["VersionId"],
            size=entry.get("Size", 0),
            modified_at=modified_at.astimezone(UTC),
            etag=without_quotes(entry.get("ETag", "")),
            is_current=entry["IsLatest"],
            is_delete_marker="ETag" not in entry,
        )
