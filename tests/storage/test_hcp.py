"""What HCP does differently from S3, and what becomes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from documents.errors import (
    BucketNotFound,
    IntegrityMismatch,
    ObjectExists,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UnsupportedOperation,
)
from documents.storage.capabilities import BulkDelete, CompareAndSet, require
from documents.storage.conformance_samples import body_of
from documents.storage.hcp import HcpProvider
from documents.storage.hcp_credentials import HcpCredentials, storage_options
from documents.storage.multipart import MIN_PART_SIZE
from documents.storage.s3 import S3Provider
from tests.storage.fake_hcp import NAMESPACE, FakeHcp, fake_hcp
from tests.storage.fake_hcp_clients import client_for
from tests.storage.fake_hcp_messages import Answer, Refused, xml


@pytest.fixture(scope="module")
def running_hcp() -> Iterator[FakeHcp]:
    with fake_hcp() as hcp:
        yield hcp


@pytest.fixture
def hcp(running_hcp: FakeHcp) -> FakeHcp:
    running_hcp.reset()
    return running_hcp


@pytest.fixture
def provider(hcp: FakeHcp) -> Iterator[HcpProvider]:
    client = client_for(hcp)
    yield HcpProvider(client=client, bucket=NAMESPACE, part_size=MIN_PART_SIZE)
    client.close()


def test_keys_are_the_base64_of_the_user_and_the_md5_of_the_password() -> None:
    # The example of the documentation, "Authorization header": user lgreen, password p4ssw0rd.
    credentials = HcpCredentials.of("lgreen", "p4ssw0rd")
    assert credentials.access_key == "bGdyZWVu"
    assert credentials.secret_key == "2a9d119df47ff993b662a8ef36f9ea20"
    assert credentials.authorization == "HCP bGdyZWVu:2a9d119df47ff993b662a8ef36f9ea20"
    assert credentials.secret_key not in repr(credentials)
    options = storage_options(endpoint_url="https://t.hcp", namespace="n", user="lgreen", password="p4ssw0rd")
    assert (options["access_key"], options["bucket_name"]) == ("bGdyZWVu", "n")
    assert "p4ssw0rd" not in str(options)


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_access_denied(hcp: FakeHcp, password: str) -> None:
    provider = HcpProvider(client=client_for(hcp, password=password), bucket=NAMESPACE)
    for call in (provider.get, provider.exists, provider.delete, lambda key: provider.put_bytes(key, b"x")):
        with pytest.raises(StorageAccessDenied):
            call("k")
    with pytest.raises(StorageAccessDenied, match="MD5"):
        list(provider.iter_locations())


def test_nothing_can_be_replaced_and_nobody_is_told_otherwise(provider: HcpProvider) -> None:
    with pytest.raises(UnsupportedOperation, match="CompareAndSet"):
        require(provider, CompareAndSet)


def test_a_409_is_an_object_that_exists(hcp: FakeHcp, provider: HcpProvider) -> None:
    hcp.s3.knows_conditions = False
    try:
        provider.put_bytes("k", b"first")
        with pytest.raises(ObjectExists, match="An object"):
            provider.put_bytes("k", b"second")
        upload_id = provider.create_multipart("k")
        part = provider.upload_part("k", upload_id, 1, b"part")
        with pytest.raises(ObjectExists):
            provider.complete_multipart("k", upload_id, [part])
    finally:
        hcp.s3.knows_conditions = True
    assert provider.get("k") == b"first"


def test_without_that_a_409_would_be_told_as_a_passing_fault(hcp: FakeHcp) -> None:
    plain = S3Provider(client=client_for(hcp), bucket=NAMESPACE)
    hcp.s3.knows_conditions = False
    try:
        plain.put_bytes("k", b"first")
        with pytest.raises(StorageUnavailable):
            plain.put_bytes("k", b"second")
    finally:
        hcp.s3.knows_conditions = True


def test_a_folder_in_the_way_is_told(provider: HcpProvider) -> None:
    provider.put_bytes("folder/below", b"x")
    with pytest.raises(ObjectExists, match="A folder"):
        provider.put_bytes("folder", b"x")
    assert not provider.exists("folder")


def test_a_409_of_a_write_in_progress_may_be_tried_again(hcp: FakeHcp, provider: HcpProvider) -> None:
    hcp.answer_with = lambda request: Refused(409, "Conflict").answer if request.method == "PUT" else None
    with pytest.raises(StorageUnavailable) as caught:
        provider.put_bytes("k", b"x")
    assert caught.value.retryable


def test_bulk_deletion_makes_one_request_for_each_key(hcp: FakeHcp, provider: HcpProvider) -> None:
    keys = [f"k/{number}" for number in range(5)]
    for key in keys:
        provider.put_bytes(key, b"x")
    hcp.seen.clear()
    assert isinstance(provider, BulkDelete)
    outcomes = provider.delete_many(keys)
    assert next(outcomes).key == keys[0]
    assert [request.method for request in hcp.seen] == ["DELETE"], "nothing is deleted beyond what is iterated over"
    assert [deletion.error for deletion in outcomes] == [None] * 4
    assert [(request.method, request.path) for request in hcp.seen] == [("DELETE", f"/{NAMESPACE}/{k}") for k in keys]


def test_each_key_of_a_bulk_deletion_has_its_own_outcome(hcp: FakeHcp, provider: HcpProvider) -> None:
    for key in ("a", "held", "b"):
        provider.put_bytes(key, b"x")
    held = Refused(403, "AccessDenied", "The object is on hold").answer
    hcp.answer_with = lambda request: held if request.path.endswith("/held") else None
    errors = {deletion.key: deletion.error for deletion in provider.delete_many(["a", "held", "b"])}
    assert (errors["a"], errors["b"]) == (None, None)
    assert isinstance(errors["held"], StorageAccessDenied)
    assert "holds" in errors["held"].hint


def test_the_bulk_deletion_of_s3_is_refused_by_hcp(hcp: FakeHcp) -> None:
    plain = S3Provider(client=client_for(hcp), bucket=NAMESPACE)
    plain.put_bytes("k", b"x")
    [deletion] = plain.delete_many(["k"])
    assert isinstance(deletion.error, StorageError)
    assert hcp.seen[-1].query == {"delete": ""}
    assert plain.get("k") == b"x"


REDIRECTS = (
    Answer(302, headers={"Location": "https://console.example.com/", "x-amz-bucket-region": "elsewhere"}),
    Answer(301, headers={"Location": "/", "x-amz-bucket-region": "elsewhere"}),
    Answer(307, headers={"Location": "https://replica.example.com/finance/k"}),
    xml("<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>", 301),
)


@pytest.mark.parametrize("redirect", REDIRECTS, ids=lambda answer: str(answer.status))
def test_a_redirect_is_not_followed(hcp: FakeHcp, provider: HcpProvider, redirect: Answer) -> None:
    hcp.answer_with = lambda _request: redirect
    for call in (provider.get, lambda key: provider.put_bytes(key, b"x"), provider.delete, provider.create_multipart):
        hcp.seen.clear()
        with pytest.raises(StorageUnavailable, match="endpoint"):
            call("k")
        assert len({(request.method, request.raw_path) for request in hcp.seen}) == 1
        assert len(hcp.seen) <= 2, "the client repeats what it could not read plainly; nobody asks elsewhere"


def test_with_the_redirector_on_it_would_be(hcp: FakeHcp) -> None:
    hcp.answer_with = lambda _request: REDIRECTS[0]
    with pytest.raises(ClientError):
        client_for(hcp).get_object(Bucket=NAMESPACE, Key="k")
    assert len(hcp.seen) > 1


def test_presigned_urls_are_made_without_the_redirector_too(provider: HcpProvider) -> None:
    url = provider.presign_get("k", expires=timedelta(minutes=1))
    assert f"/{NAMESPACE}/k?" in url, "path style"


def test_namespaces_are_listed_without_dates_and_without_a_list(hcp: FakeHcp, provider: HcpProvider) -> None:
    [only] = provider.list_buckets()
    assert (only.name, only.created_at) == (NAMESPACE, None)
    hcp.namespaces.by_name.clear()
    assert list(provider.list_buckets()) == []


def test_a_date_that_hcp_tells_is_in_utc(hcp: FakeHcp, provider: HcpProvider) -> None:
    told = "<Bucket><Name>n</Name><CreationDate>2019-02-18T19:46:03.856Z</CreationDate></Bucket><Bucket/>"
    hcp.answer_with = lambda _request: xml(
        f"<ListAllMyBucketsResult><Buckets>{told}</Buckets></ListAllMyBucketsResult>"
    )
    [bucket] = provider.list_buckets()
    assert bucket.created_at == datetime(2019, 2, 18, 19, 46, 3, 856_000, UTC)


def test_a_page_of_something_else_is_no_empty_list(hcp: FakeHcp, provider: HcpProvider) -> None:
    hcp.answer_with = lambda _request: xml("<html><body>Sign in to the network</body></html>")
    with pytest.raises(StorageUnavailable):
        list(provider.list_buckets())


def test_an_object_too_large_for_one_copy_is_copied_in_parts(hcp: FakeHcp, provider: HcpProvider) -> None:
    body = body_of(MIN_PART_SIZE + 1)
    provider.put_stream("source", [body])
    provider.largest_copy = provider.copy_part_size = MIN_PART_SIZE
    assert provider.copy("source", "copy").size == len(body)
    assert provider.get("copy") == body
    assert provider.part_size == provider.min_part_size == MIN_PART_SIZE


def test_parts_are_never_smaller_than_s3_allows(hcp: FakeHcp) -> None:
    with pytest.raises(ValueError, match="5,242,880"):
        HcpProvider(client=client_for(hcp), bucket=NAMESPACE, part_size=1_000_000)


def test_small_parts_are_refused_for_good(provider: HcpProvider) -> None:
    upload_id = provider.create_multipart("k")
    parts = [provider.upload_part("k", upload_id, number, b"small") for number in (1, 2)]
    with pytest.raises(StorageError, match="1 MB") as caught:
        provider.complete_multipart("k", upload_id, parts)
    assert not caught.value.retryable


def test_a_missing_namespace_is_not_a_missing_object(hcp: FakeHcp) -> None:
    nowhere = HcpProvider(client=client_for(hcp), bucket="no-such-namespace")
    for call in (nowhere.get, nowhere.head, nowhere.exists, nowhere.create_multipart):
        with pytest.raises(BucketNotFound, match="namespace"):
            call("k")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", StorageAccessDenied),
        (403, "RequestTimeTooSkewed", StorageAccessDenied),
        (410, "Gone", StorageUnavailable),
        (413, "EntityTooLarge", StorageFull),
        (400, "BadDigest", IntegrityMismatch),
        (404, "NoSuchKey", ObjectNotFound),
        (500, "InternalError", StorageUnavailable),
        (501, "NotImplemented", UnsupportedOperation),
        (503, "ServiceUnavailable", StorageUnavailable),
        (418, "Unheard", StorageError),
    ],
)
def test_an_answer_is_told_by_its_fact(
    hcp: FakeHcp, provider: HcpProvider, status: int, code: str, expected: type[StorageError]
) -> None:
    hcp.answer_with = lambda request: Refused(status, code).answer if request.method != "HEAD" else None
    with pytest.raises(expected) as caught:
        provider.get("k")
    assert type(caught.value) is expected
    assert (caught.value.provider, caught.value.key) == ("hcp", "k")
