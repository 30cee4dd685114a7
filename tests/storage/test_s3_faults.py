"""Every fault at every call site ends in success or in one of the vault's errors, never in silence."""

import http.client
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from documents.errors import (
    BucketNotFound,
    IntegrityMismatch,
    ObjectExists,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from documents.storage.s3 import S3Provider
from tests.services.fixtures import s3_client_for
from tests.services.processes import free_port
from tests.services.s3_server import S3Server
from tests.storage.faulty_proxy import FAULTS, Fault, FaultyProxy, faulty_proxy, xml_error
from tests.storage.forwarding_server import Answer
from tests.storage.s3_calls import CALLS, LARGE, SMALL, Case, get, put, put_large, replace

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# After these a second attempt helps, and botocore or the reader makes it.
PASSING = ("500 InternalError", "503 SlowDown", "silence", "no answer", "a reset instead of an answer",
           "a body cut in the middle", "a reset in the middle")  # fmt: skip


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def case(
    s3_server: S3Server, s3_shared_bucket: str, proxy: FaultyProxy, direct: S3Provider, monkeypatch: pytest.MonkeyPatch
) -> Case:
    # botocore pauses up to a second between attempts.
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    case = Case(s3_server, s3_shared_bucket, proxy, direct)
    case.prepare()
    return case


@pytest.fixture(scope="module")
def direct(s3_client: "S3Client", s3_shared_bucket: str) -> S3Provider:
    return S3Provider(client=s3_client, bucket=s3_shared_bucket)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_lasting_fault_is_never_silent(case: Case, call: Callable[[Case], None], fault: Fault) -> None:
    if fault.silent:
        case.be_patient(timedelta(seconds=0.4))
    case.proxy.strike(fault)
    with suppress(StorageError):
        call(case)
    # Whatever was said: what is there is whole.
    for key in (case.new, case.there):
        if case.direct.exists(key):
            assert case.direct.get(key) in (SMALL, LARGE)
    assert case.proxy.seen


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_passing_fault_is_survived(case: Case, call: Callable[[Case], None], name: str) -> None:
    [fault] = [fault for fault in FAULTS if fault.name == name]
    if fault.silent:
        case.be_patient(timedelta(seconds=2))
    case.proxy.strike(fault, times=1)
    try:
        call(case)
    except ObjectExists:
        # The answer was lost, and the repeated put met its own first attempt: whole, as the caller can compare.
        assert call in (put, replace)
        assert case.direct.get(case.new if call is put else case.there) in (SMALL, LARGE)
    assert case.proxy.times == 0


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", StorageAccessDenied),
        (403, "SignatureDoesNotMatch", StorageAccessDenied),
        (400, "ExpiredToken", StorageAccessDenied),
        (404, "NoSuchBucket", BucketNotFound),
        (503, "SlowDown", StorageUnavailable),
        (507, "InsufficientStorage", StorageFull),
        (400, "BadDigest", IntegrityMismatch),
    ],
)
def test_an_answer_is_told_by_its_fact(case: Case, status: int, code: str, expected: type[StorageError]) -> None:
    case.proxy.strike(Fault(code, before=xml_error(status, code)))
    with pytest.raises(expected) as caught:
        case.provider.put_bytes(case.new, SMALL)
    assert (caught.value.provider, caught.value.key) == ("s3", case.new)
    assert type(caught.value) is expected


def test_a_missing_bucket_is_not_a_missing_object(s3_client: "S3Client") -> None:
    nowhere = S3Provider(client=s3_client, bucket="no-such-bucket-anywhere")
    for call in (nowhere.get, nowhere.head, nowhere.exists, nowhere.create_multipart):
        with pytest.raises(BucketNotFound, match="S3_BUCKET"):
            call("k")
    with pytest.raises(BucketNotFound):
        list(nowhere.iter_locations())


def test_nobody_listening_is_unavailable(s3_server: S3Server) -> None:
    deaf = S3Server(f"http://127.0.0.1:{free_port()}", "a", "s", s3_server.kind)
    provider = S3Provider(client=s3_client_for(deaf, Config(retries={"total_max_attempts": 1})), bucket="b")
    with pytest.raises(StorageUnavailable, match="S3_ENDPOINT_URL"):
        provider.put_bytes("k", b"x")


def test_a_conflict_of_two_writes_is_repeated(case: Case) -> None:
    case.proxy.strike(Fault("409", before=xml_error(409, "ConditionalRequestConflict")), times=2)
    put(case)
    assert len(case.proxy.seen) == 3


def test_a_lost_answer_to_the_last_step_of_a_large_object_is_recognised(case: Case) -> None:
    [lost] = [fault for fault in FAULTS if fault.name == "no answer"]
    case.proxy.strike(lost, where=lambda method, path: method == "POST" and "uploadId=" in path)
    put_large(case)
    assert list(case.direct.iter_multiparts(case.new)) == []


def test_a_failed_large_object_leaves_no_upload_behind(case: Case) -> None:
    case.proxy.strike(
        Fault("500", before=xml_error(500, "InternalError")), where=lambda _, path: "partNumber=2" in path
    )
    with pytest.raises(StorageUnavailable):
        case.provider.put_stream(case.new, [LARGE])
    assert list(case.direct.iter_multiparts(case.new)) == []
    assert not case.direct.exists(case.new)


def test_a_condition_that_the_store_lacks_is_left_out_of_completion(case: Case) -> None:
    case.proxy.strike(
        Fault("501", before=xml_error(501, "NotImplemented")),
        times=1,
        where=lambda method, path: method == "POST" and "uploadId=" in path,
    )
    put_large(case)


def test_a_broken_read_goes_on_where_it_stopped(case: Case) -> None:
    [reset] = [fault for fault in FAULTS if fault.name == "a reset in the middle"]
    case.proxy.strike(reset, times=2)
    get(case)
    assert len(case.proxy.seen) == 3


def test_a_read_never_mixes_two_objects(case: Case) -> None:
    [reset] = [fault for fault in FAULTS if fault.name == "a body cut in the middle"]
    case.proxy.strike(reset, times=1)
    with case.provider.open(case.there) as reader:
        case.direct.delete(case.there)
        case.direct.put_bytes(case.there, bytes(len(SMALL)))
        with pytest.raises(IntegrityMismatch):
            reader.read()


def test_a_store_that_ignores_ranges_is_found_out(case: Case) -> None:
    answer = Answer(200, (("ETag", '"e"'), ("Last-Modified", "Sat, 01 Aug 2026 00:00:00 GMT")), SMALL)
    case.proxy.strike(Fault("the whole object for a range", before=answer))
    with pytest.raises(StorageUnavailable, match="Range"):
        case.provider.get_range(case.there, 10, 10)


def test_the_proxy_really_cuts_answers(case: Case) -> None:
    [cut] = [fault for fault in FAULTS if fault.name == "a body cut in the middle"]
    url = case.provider.presign_get(case.there, expires=timedelta(minutes=1))
    case.proxy.strike(cut)
    with urllib.request.urlopen(url) as answer, pytest.raises(http.client.IncompleteRead):  # noqa: S310
        answer.read()
