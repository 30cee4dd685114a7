"""Requests that carry objects: signed and addressed as the client's own, and left to it where they do not go well."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.errors import ObjectExists, ObjectNotFound, StorageUnavailable
from documents.storage.keys import is_valid_key
from documents.storage.s3 import S3Provider
from documents.storage.s3_address import address_of, watch
from documents.storage.s3_client import vault_config
from documents.storage.s3_wire import S3Wire
from tests.services.fixtures import s3_client_for
from tests.services.processes import free_port
from tests.services.s3_server import S3Server
from tests.storage.faulty_proxy import Fault, FaultyProxy, faulty_proxy, xml_error
from tests.storage.forwarding_server import Answer
from tests.storage.s3_calls import PATIENT, SMALL, Case, config_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "documents"
NOW_AND_THEN = Fault("500", before=xml_error(500, "InternalError"))
# Where botocore's rules put a bucket differs by all of these.
DUALSTACK: Any = {"addressing_style": "virtual", "use_dualstack_endpoint": True}
PLACES: tuple[tuple[dict[str, Any], Config], ...] = (
    ({}, Config()),
    ({"region_name": "eu-central-1"}, Config()),
    ({"region_name": "us-gov-west-1"}, Config(s3={"addressing_style": "path"})),
    ({"region_name": "eu-west-1"}, Config(s3=DUALSTACK)),
    ({"endpoint_url": "http://127.0.0.1:9"}, Config(s3={"addressing_style": "path"})),
    ({"endpoint_url": "https://store.example.com:8443/below/"}, Config(s3={"addressing_style": "path"})),
    ({"endpoint_url": "https://store.example.com"}, Config(s3={"addressing_style": "virtual"})),
    ({"aws_session_token": "temporary"}, Config()),
)


class Sent(Exception):
    """Raised in place of sending."""


def client_of(options: dict[str, Any], config: Config) -> "S3Client":
    given = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "s", **options}
    return boto3.client("s3", config=vault_config(config), **given)


def of_the_client(client: "S3Client", call: str, parameters: dict[str, Any]) -> Any:
    """The request that botocore would send."""
    found: list[Any] = []

    def take(request: Any, **_: Any) -> None:
        found.append(request)
        raise Sent

    client.meta.events.register("before-send.s3", take)
    with suppress(Sent):
        getattr(client, call)(Bucket=BUCKET, **parameters)
    client.meta.events.unregister("before-send.s3", take)
    return found[0]


def of_the_wire(client: Any, call: str, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    found: list[Any] = []

    def take(request: Any) -> None:
        found.append(request)
        raise Sent

    monkeypatch.setattr(client._endpoint.http_session, "send", take)
    with suppress(Sent):
        getattr(S3Wire(client, BUCKET), call)(**parameters)
    monkeypatch.undo()
    return found[0]


def what_counts(request: Any) -> tuple[object, ...]:
    """Method, address, body, and each header but those that tell of the attempt, its second, or a wait before it."""
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    scope = headers.pop("authorization").partition(", ")[0]
    for name in ("x-amz-date", "user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "expect"):
        headers.pop(name, None)
    body = request.body.read() if hasattr(request.body, "read") else request.body
    address, _, query = request.url.partition("?")
    return request.method, address, sorted(query.split("&")), body or None, headers, scope, request.stream_output


CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("put_object", {"Key": "a/b", "Body": b"body", "IfNoneMatch": "*"}),
    ("put_object", {"Key": "a/b", "Body": bytearray(b"body"), "IfMatch": '"etag"'}),
    ("put_object", {"Key": "a/b", "Body": b""}),
    ("upload_part", {"Key": "a/b", "Body": b"body", "UploadId": "2~a+/=&ü", "PartNumber": 7}),
    ("get_object", {"Key": "a/b"}),
    ("get_object", {"Key": "a/b", "Range": "bytes=1-2", "IfMatch": '"e"', "VersionId": "null /+"}),
    ("head_object", {"Key": "a/b"}),
)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place[0]))
def test_a_request_is_the_one_that_the_client_would_make(
    place: tuple[dict[str, Any], Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(*place)
    for call, parameters in CALLS:
        expected = what_counts(of_the_client(client, call, parameters))
        assert what_counts(of_the_wire(client, call, parameters, monkeypatch)) == expected


@settings(max_examples=30)
@given(key=st.text(min_size=1, max_size=60).filter(is_valid_key))
def test_any_key_is_written_into_an_address_as_the_client_writes_it(key: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        parameters = {"Key": key}
        expected = of_the_client(CLIENT, "get_object", parameters).url
        assert of_the_wire(CLIENT, "get_object", parameters, monkeypatch).url == expected


CLIENT = client_of({"endpoint_url": "http://127.0.0.1:9"}, Config(s3={"addressing_style": "path"}))


def test_another_signature_is_left_to_the_client() -> None:
    assert region_of(client_of({}, Config(signature_version="s3")), BUCKET) == ""


def test_a_directory_bucket_is_left_to_the_client() -> None:
    """It has credentials of its own, where the client is not told how to sign."""
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s")
    credentials = {"AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t"}
    session = {"Credentials": {**credentials, "Expiration": datetime.now(UTC) + timedelta(hours=1)}}
    answer: Any = lambda **_: (AWSResponse("", 200, HTTPHeaders(), None), session)  # noqa: E731
    client.meta.events.register("before-call.s3.CreateSession", answer)
    assert region_of(client, "documents--use1-az4--x-s3") == ""


def region_of(client: "S3Client", bucket: str) -> str:
    watch(client)
    address = address_of(client, bucket)
    assert address
    return address.region


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


@pytest.fixture
def case(
    s3_server: S3Server, proxy: FaultyProxy, s3_client: "S3Client", s3_shared_bucket: str, pauses: list[float]
) -> Case:
    client = s3_client_for(replace(s3_server, endpoint_url=proxy.endpoint_url), config_of(PATIENT))
    proxy.strike(Fault("none"), times=0)
    return Case(client, proxy, S3Provider(client=s3_client, bucket=s3_shared_bucket))


def test_what_is_certain_is_asked_once(case: Case) -> None:
    there = case.there
    with pytest.raises(ObjectNotFound):
        case.provider.get(case.new)
    with pytest.raises(ObjectExists):
        case.provider.put_bytes(there, SMALL)
    assert len(case.proxy.seen) == 2


def test_what_may_pass_is_left_to_the_client(case: Case, pauses: list[float]) -> None:
    there = case.there
    case.proxy.strike(NOW_AND_THEN, times=2)
    assert case.provider.get(there) == SMALL
    assert len(case.proxy.seen) == 3
    assert len(pauses) == 1, "the client's own"


def test_a_store_that_asks_for_fewer_requests_is_given_a_pause(case: Case, pauses: list[float]) -> None:
    there = case.there
    case.proxy.strike(Fault("503", before=xml_error(503, "SlowDown")), times=1)
    assert case.provider.get(there) == SMALL
    assert len(pauses) == 1
    assert 0 <= pauses[0] <= 1


def test_a_store_that_does_not_listen_is_asked_again(s3_server: S3Server, pauses: list[float]) -> None:
    deaf = replace(s3_server, endpoint_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StorageUnavailable):
        S3Provider(client=s3_client_for(deaf, config_of(PATIENT)), bucket=BUCKET).get("k")
    assert len(pauses) == 1, "between the client's own two attempts"


@pytest.mark.parametrize("date", ["2026-08-01T00:00:00Z", "Sat, 01 Aug 2026 00:00:00 -0000", "yesterday"])
def test_a_date_that_is_written_otherwise_is_left_to_the_client(case: Case, date: str) -> None:
    facts = (("ETag", '"e"'), ("Last-Modified", date), ("Content-Length", "0"))
    case.proxy.strike(Fault("date", before=Answer(200, facts, b"")), times=1)
    assert case.provider.head(case.there).size == len(SMALL)
    assert len(case.proxy.seen) == 2


def test_successes_fill_up_what_the_client_may_repeat(case: Case) -> None:
    there = case.there

    def survives() -> bool:
        case.proxy.strike(NOW_AND_THEN, times=2)
        with suppress(StorageUnavailable):
            return case.provider.get(there) == SMALL
        return False

    # 500 tokens, of which each repetition takes some (botocore.retries.quota): 40 of 14.
    case.proxy.strike(NOW_AND_THEN)
    for _ in range(40):
        with pytest.raises(StorageUnavailable):
            case.provider.head(there)
    assert not survives()
    case.proxy.strike(Fault("none"), times=0)
    for _ in range(20):
        case.provider.head(there)
    assert survives()
