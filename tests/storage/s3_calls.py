"""Every operation of the S3 provider, as a call that says whether it did what it should: for the tests of faults."""

import uuid
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.config import Config

from documents.errors import BucketNotFound
from documents.storage.bucket_capabilities import CannedAcl, VersioningState
from documents.storage.capabilities import Part
from documents.storage.conformance_samples import body_of, fresh_key
from documents.storage.multipart import MIN_PART_SIZE
from documents.storage.s3 import S3Provider
from tests.storage.faulty_proxy import FaultyProxy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SMALL = body_of(200_000)
LARGE = body_of(MIN_PART_SIZE + 1)
# So that a busy machine fails no test.
PATIENT = timedelta(seconds=30)


def config_of(patience: timedelta) -> Config:
    return Config(
        s3={"addressing_style": "path"},
        connect_timeout=patience.total_seconds(),
        read_timeout=patience.total_seconds(),
        retries={"mode": "standard", "total_max_attempts": 2},
    )


class Case:
    """The bucket seen through the faulty proxy, and what a call needs there, made when it is first asked for."""

    def __init__(self, client: "S3Client", proxy: FaultyProxy, direct: S3Provider) -> None:
        self.proxy, self.direct = proxy, direct
        self.provider = S3Provider(client=client, bucket=direct.bucket.name, part_size=MIN_PART_SIZE)
        self.new = fresh_key()
        self.bucket = f"test-{uuid.uuid4()}"

    @cached_property
    def there(self) -> str:
        """The key of an object."""
        return self.direct.put_bytes(fresh_key(), SMALL).key

    @cached_property
    def in_parts(self) -> str:
        """The key of a multipart upload that has begun."""
        return fresh_key()

    @cached_property
    def upload_id(self) -> str:
        return self.direct.create_multipart(self.in_parts)

    @cached_property
    def parts(self) -> list[Part]:
        return [self.direct.upload_part(self.in_parts, self.upload_id, 1, b"part")]

    def written(self) -> list[bytes]:
        """What is there of the keys that a call may have written."""
        keys = (self.new, *([self.there] if "there" in vars(self) else []))
        return [self.direct.get(key) for key in keys if self.direct.exists(key)]

    def clear(self) -> None:
        self.direct.delete_bucket(self.bucket)


def put(case: Case) -> None:
    assert case.provider.put_bytes(case.new, SMALL).size == len(SMALL)
    assert case.direct.get(case.new) == SMALL


def put_if_absent(case: Case) -> None:
    assert case.provider.put_if_absent(case.new, SMALL).size == len(SMALL)
    assert case.direct.get(case.new) == SMALL


def put_large(case: Case) -> None:
    assert case.provider.put_stream(case.new, [LARGE]).size == len(LARGE)
    assert case.direct.get(case.new) == LARGE


def get(case: Case) -> None:
    assert case.provider.get(case.there) == SMALL


def get_range(case: Case) -> None:
    assert case.provider.get_range(case.there, 1_000, 100_000) == SMALL[1_000:101_000]


def head(case: Case) -> None:
    assert case.provider.head(case.there).size == len(SMALL)


def exists(case: Case) -> None:
    assert case.provider.exists(case.there)


def does_not_exist(case: Case) -> None:
    assert not case.provider.exists(case.new)


def delete(case: Case) -> None:
    case.provider.delete(case.there)
    assert not case.direct.exists(case.there)


def list_objects(case: Case) -> None:
    assert [info.size for info in case.provider.iter_locations(case.there)] == [len(SMALL)]


def list_in_order(case: Case) -> None:
    assert [info.key for info in case.provider.iter_locations_after(case.there, case.there[:-1])] == [case.there]


def create(case: Case) -> None:
    upload_id = case.provider.create_multipart(case.new)
    assert upload_id in [found for _, found, _ in case.direct.iter_multiparts(case.new)]


def upload_part(case: Case) -> None:
    part = case.provider.upload_part(case.in_parts, case.upload_id, 2, b"more")
    assert part in list(case.direct.list_parts(case.in_parts, case.upload_id))


def list_parts(case: Case) -> None:
    parts = case.parts
    assert list(case.provider.list_parts(case.in_parts, case.upload_id)) == parts


def complete(case: Case) -> None:
    assert case.provider.complete_multipart(case.in_parts, case.upload_id, case.parts).size == 4
    assert case.direct.get(case.in_parts) == b"part"


def abort(case: Case) -> None:
    case.provider.abort_multipart(case.in_parts, case.upload_id)
    assert list(case.direct.iter_multiparts(case.in_parts)) == []


def list_uploads(case: Case) -> None:
    upload_id = case.upload_id
    assert [found for _, found, _ in case.provider.iter_multiparts(case.in_parts)] == [upload_id]


def sweep(case: Case) -> None:
    assert case.provider.remove_unfinished(older_than=timedelta(days=365 * 100)) == 0


def copy(case: Case) -> None:
    assert case.provider.copy(case.there, case.new).size == len(SMALL)
    assert case.direct.get(case.new) == SMALL


def copy_in_parts(case: Case) -> None:
    case.provider.largest_copy = 100_000
    assert case.provider.copy(case.there, case.new).size == len(SMALL)
    assert case.direct.get(case.new) == SMALL


def replace(case: Case) -> None:
    etag = case.direct.head(case.there).etag
    assert case.provider.replace(case.there, LARGE, etag=etag).size == len(LARGE)
    assert case.direct.get(case.there) == LARGE


def delete_many(case: Case) -> None:
    for deletion in case.provider.delete_many([case.there, case.new]):
        if deletion.error:
            raise deletion.error
    assert not case.direct.exists(case.there)


def list_versions(case: Case) -> None:
    assert [version.size for version in case.provider.iter_versions(case.there)] == [len(SMALL)]


def open_version(case: Case) -> None:
    [version] = case.direct.iter_versions(case.there)
    with case.provider.open_version(case.there, version.version_id) as reader:
        assert reader.read() == SMALL


def versioning(case: Case) -> None:
    assert case.provider.versioning_state() is VersioningState.OFF


def set_versioning(case: Case) -> None:
    case.direct.create_bucket(case.bucket)  # of its own: what is deleted under it leaves a marker
    S3Provider(client=case.provider.bucket.client, bucket=case.bucket).set_versioning(VersioningState.SUSPENDED)
    changed = S3Provider(client=case.direct.bucket.client, bucket=case.bucket)
    assert changed.versioning_state() is VersioningState.SUSPENDED


def delete_version(case: Case) -> None:
    [version] = case.direct.iter_versions(case.there)
    case.provider.delete_version(case.there, version.version_id)
    assert list(case.direct.iter_versions(case.there)) == []


def read_acl(case: Case) -> None:
    assert len(case.provider.object_acl(case.there).grants) == 1


def write_acl(case: Case) -> None:
    case.provider.set_object_acl(case.there, CannedAcl.PRIVATE)


def bucket_acl(case: Case) -> None:
    assert case.provider.bucket_acl().owner


def write_bucket_acl(case: Case) -> None:
    case.provider.set_bucket_acl(CannedAcl.PRIVATE)


def create_bucket(case: Case) -> None:
    case.provider.create_bucket(case.bucket)
    assert case.direct.has_bucket(case.bucket)


def delete_bucket(case: Case) -> None:
    case.direct.create_bucket(case.bucket)
    case.provider.delete_bucket(case.bucket)
    if case.proxy.fault and case.proxy.fault.name.startswith("404"):
        return  # then there is none, as far as anybody can tell
    assert not case.direct.has_bucket(case.bucket)


def list_buckets(case: Case) -> None:
    assert case.provider.bucket.name in [bucket.name for bucket in case.provider.list_buckets()]


def has_bucket(case: Case) -> None:
    if not case.provider.has_bucket(case.provider.bucket.name):  # what a 404 says, be it true or a fault
        raise BucketNotFound("There is no such bucket")


CALLS = (
    put, put_if_absent, put_large, get, get_range, head, exists, does_not_exist, delete, list_objects, list_in_order,
    create, upload_part, list_parts, complete, abort, list_uploads, sweep, copy, copy_in_parts, replace, delete_many,
    list_versions, open_version, delete_version, versioning, set_versioning, read_acl, write_acl, bucket_acl,
    write_bucket_acl, list_buckets, has_bucket, create_bucket, delete_bucket,
)  # fmt: skip
# They have answers of their own to a conflict, and to a condition that the store lacks.
WRITES = (put, put_if_absent, put_large, complete, copy, copy_in_parts, replace)
