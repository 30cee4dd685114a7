"""Every fault at every call site ends in success or in one of the vault's errors, never in silence."""

import http.client
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace as replace_dataclass
from datetime import timedelta
from itertools import product
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
from tests.storage.faulty_proxy import (
    FAULTS,
    FAULTS_OF_WRITES,
    SILENCE,
    Fault,
    FaultyProxy,
    faulty_proxy,
    xml_error,
)
from tests.storage.forwarding_server import Answer
from tests.storage.operations import operations_of, recorded
from tests.storage.s3_calls import (
    CALLS,
    LARGE,
    PATIENT,
    SMALL,
    WRITES,
    Case,
    config_of,
    create_bucket,
    get,
    get_range,
    list_objects,
    open_version,
    put,
    put_if_absent,
    put_large,
    replace,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# After these a second attempt helps, and botocore or the reader makes it.
PASSING = tuple(fault for fault in FAULTS if fault.name == "500 InternalError" or fault.cut is not None or fault.lost)
# To a client a reset is a connection that ended, as without one. The two part where a body is sent, or read in pieces.
RESETS = tuple(fault for fault in FAULTS if fault.reset)
STREAMED = (put, put_large, get, get_range, open_version, list_objects)
# No request to the store.
ARITHMETIC = {"presign_get", "presign_put", "presign_part"}
IMPATIENT = timedelta(seconds=0.4)


def struck_by(faults: tuple[Fault, ...]) -> list[tuple[Callable[[Case], None], Fault]]:
    """Every call with each of ``faults``, but resets with those alone to which they are something of their own."""
    return [(call, fault) for call, fault in product(CALLS, faults) if call in STREAMED or fault not in RESETS]


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def patient(s3_server: S3Server, proxy: FaultyProxy) -> "S3Client":
    """A new one for each test: a client gives up repeating when it had to too often."""
    return s3_client_for(replace_dataclass(s3_server, endpoint_url=proxy.endpoint_url), config_of(PATIENT))


@pytest.fixture
def impatient(s3_server: S3Server, proxy: FaultyProxy) -> "S3Client":
    return s3_client_for(replace_dataclass(s3_server, endpoint_url=proxy.endpoint_url), config_of(IMPATIENT))


@pytest.fixture(scope="module")
def direct(s3_client: "S3Client", s3_shared_bucket: str) -> S3Provider:
    return S3Provider(client=s3_client, bucket=s3_shared_bucket)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore pauses up to a second between attempts."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)


@pytest.fixture
def case(patient: "S3Client", proxy: FaultyProxy, direct: S3Provider) -> Iterator[Case]:
    proxy.strike(Fault("none"), times=0)
    case = Case(patient, proxy, direct)
    yield case
    if any(case.bucket in request for request in proxy.seen):
        case.clear()


def test_every_operation_is_struck(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    called = recorded(S3Provider, monkeypatch)
    for call in CALLS:
        call(case)
        case.clear()
        case = Case(case.provider.bucket.client, case.proxy, case.direct)
    assert operations_of(S3Provider) - called == ARITHMETIC


@pytest.mark.parametrize(
    ("call", "fault"),
    [*struck_by(FAULTS), *product(WRITES, FAULTS_OF_WRITES)],
    ids=lambda parameter: getattr(parameter, "name", "") or parameter.__name__,
)
def test_a_lasting_fault_is_never_silent(case: Case, call: Callable[[Case], None], fault: Fault) -> None:
    case.proxy.strike(fault)
    with suppress(StorageError):
        call(case)
    assert case.proxy.seen
    # Whatever was said: what is there is whole.
    assert set(case.written()) <= {SMALL, LARGE}


def test_a_lasting_silence_is_an_error_of_every_operation(
    impatient: "S3Client", proxy: FaultyProxy, direct: S3Provider
) -> None:
    cases = [Case(impatient, proxy, direct) for _ in CALLS]
    proxy.strike(SILENCE)

    def told(call: Callable[[Case], None], case: Case) -> bool:
        try:
            call(case)
        except StorageUnavailable:
            return True
        return False

    # All at once: each of them waits for its time to be over.
    with ThreadPoolExecutor(len(CALLS)) as threads:
        answers = list(threads.map(told, CALLS, cases))
    assert [call.__name__ for call, was_told in zip(CALLS, answers, strict=True) if not was_told] == []
    for case in cases:
        case.clear()
        assert set(case.written()) <= {SMALL, LARGE}


@pytest.mark.parametrize("call", [put, put_large, get, list_objects], ids=lambda call: call.__name__)
def test_a_passing_silence_is_survived(
    impatient: "S3Client", proxy: FaultyProxy, direct: S3Provider, call: Callable[[Case], None]
) -> None:
    test_a_passing_fault_is_survived(Case(impatient, proxy, direct), call, SILENCE)


@pytest.mark.parametrize(
    ("call", "fault"),
    struck_by(PASSING),
    ids=lambda parameter: getattr(parameter, "name", "") or parameter.__name__,
)
def test_a_passing_fault_is_survived(case: Case, call: Callable[[Case], None], fault: Fault) -> None:
    case.proxy.strike(fault, times=1)
    try:
        call(case)
    except ObjectExists:
        # The answer was lost, and the repeated put met its own first attempt: whole, as the caller can compare.
        assert call in (put, put_if_absent, replace, create_bucket)
        assert set(case.written()) <= {SMALL, LARGE}
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
        (418, "Unheard", StorageError),
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
