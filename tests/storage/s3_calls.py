"""Every operation of the S3 provider, as a call that says whether it did what it should: for the tests of faults."""

from datetime import timedelta

from botocore.config import Config

from documents.errors import BucketNotFound
from documents.storage.bucket_capabilities import CannedAcl, VersioningState
from documents.storage.conformance_samples import body_of, fresh_key
from documents.storage.multipart import MIN_PART_SIZE
from documents.storage.s3 import S3Provider
from tests.services.fixtures import s3_client_for
from tests.services.s3_server import S3Server
from tests.storage.faulty_proxy import FaultyProxy

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
    """One object, one open multipart upload, and the same bucket seen through the faulty proxy."""

    def __init__(self, server: S3Server, bucket: str, proxy: FaultyProxy, direct: S3Provider) -> None:
        self.proxy, self.direct, self._bucket = proxy, direct, bucket
        self._through = S3Server(proxy.endpoint_url, server.access_key, server.secret_key, server.kind)
        self.be_patient(PATIENT)
        self.there, self.new, self.in_parts = fresh_key(), fresh_key(), fresh_key()

    def be_patient(self, patience: timedelta) -> None:
        """Waits so long for each answer from here on."""
        client = s3_client_for(self._through, config_of(patience))
        self.provider = S3Provider(client=client, bucket=self._bucket, part_size=MIN_PART_SIZE)

    def prepare(self) -> None:
        self.direct.put_bytes(self.there, SMALL)
        self.upload_id = self.direct.create_multipart(self.in_parts)
        self.parts = [self.direct.upload_part(self.in_parts, self.upload_id, 1, b"part")]


def put(case: Case) -> None:
    assert case.provider.put_bytes(case.new, SMALL).size == len(SMALL)
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
    assert list(case.provider.list_parts(case.in_parts, case.upload_id)) == case.parts


def complete(case: Case) -> None:
    assert case.provider.complete_multipart(case.in_parts, case.upload_id, case.parts).size == 4
    assert case.direct.get(case.in_parts) == b"part"


def list_uploads(case: Case) -> None:
    assert [found for _, found, _ in case.provider.iter_multiparts(case.in_parts)] == [case.upload_id]


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


def read_acl(case: Case) -> None:
    assert len(case.provider.object_acl(case.there).grants) == 1


def write_acl(case: Case) -> None:
    case.provider.set_object_acl(case.there, CannedAcl.PRIVATE)


def bucket_acl(case: Case) -> None:
    assert case.provider.bucket_acl().owner


def list_buckets(case: Case) -> None:
    assert case.provider.bucket.name in [bucket.name for bucket in case.provider.list_buckets()]


def has_bucket(case: Case) -> None:
    if not case.provider.has_bucket(case.provider.bucket.name):  # what a 404 says, be it true or a fault
        raise BucketNotFound("There is no such bucket")


CALLS = (
    put, put_large, get, get_range, head, exists, does_not_exist, delete, list_objects, list_in_order, create,
    upload_part, list_parts,
    complete, list_uploads, sweep, copy, copy_in_parts, replace, delete_many, list_versions, open_version, versioning,
    read_acl, write_acl, bucket_acl, list_buckets, has_bucket,
)  # fmt: skip
