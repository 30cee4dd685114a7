"""Every fault at every operation of GCS ends in success or in one of the vault's errors, never in silence."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache

import pytest

from documents.errors import (
    BucketNotFound,
    IntegrityMismatch,
    ObjectExists,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from documents.storage.conformance_samples import fresh_key
from documents.storage.gcs import GcsProvider
from tests.services.fixtures import gcs_client_for
from tests.services.processes import free_port
from tests.storage.cloud_calls import CALLS, LARGE, SMALL, Case, delete, put, put_large
from tests.storage.faulty_proxy import PAGE, Fault, FaultyProxy, faulty_proxy
from tests.storage.forwarding_server import Answer
from tests.storage.gcs_server import GcsServer, gcs_server
from tests.storage.operations import operations_of, recorded


def refusal(status: int, reason: str) -> Answer:
    error = {"error": {"code": status, "message": "made up", "errors": [{"reason": reason}]}}
    return Answer(status, (("Content-Type", "application/json"),), json.dumps(error).encode())


def said(body: bytes) -> Answer:
    return Answer(200, (("Content-Type", "application/json"),), body)


# One fault of each class that an operation can tell from the others. Which error a status becomes is a table, tested by
# itself, and 408, 429 and 500 are repeated as 503 is.
PASSING = (
    Fault("502 from something that is no GCS", before=Answer(502, (), b"<html>bad gateway")),
    Fault("503 backendError", before=refusal(503, "backendError")),
    Fault("no answer", cut=0.0, lost=True),
    Fault("a reset instead of an answer", lost=True, reset=True),
    Fault("a body cut in the middle", cut=0.5),
    Fault("a reset in the middle", cut=0.5, reset=True),
)
FAULTS = (
    *PASSING,
    Fault("401 authError", before=refusal(401, "authError")),
    Fault("403 forbidden", before=refusal(403, "forbidden")),
    Fault("404 notFound", before=refusal(404, "notFound")),
    Fault("410 gone", before=refusal(410, "gone")),
    Fault("412 conditionNotMet", before=refusal(412, "conditionNotMet")),
    Fault("a page of another server", before=PAGE),
    *(Fault(f"JSON that is {body!r}", before=said(body)) for body in (b"{}", b"[]", b"null", b"")),
    Fault("an object without fields", before=said(b'{"kind": "storage#object", "name": "x", "bucket": "vault"}')),
    Fault("a listing of no objects", before=said(b'{"kind": "storage#objects", "items": [{}]}')),
)


@pytest.fixture(scope="module")
def server() -> Iterator[GcsServer]:
    with gcs_server() as server:
        server.create_bucket("vault")
        yield server


@pytest.fixture(scope="module")
def proxy(server: GcsServer) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's library pauses before it repeats a request."""
    monkeypatch.setattr("google.api_core.retry.retry_unary.time.sleep", lambda _seconds: None)


# One client for all: to make one takes longer than most of these tests.
client_at = cache(gcs_client_for)


def provider_at(endpoint_url: str, *, patience: float, bucket: str = "vault") -> GcsProvider:
    return GcsProvider(client=client_at(endpoint_url), bucket=bucket, patience=timedelta(seconds=patience))


def case_through(proxy: FaultyProxy, server: GcsServer, *, patience: float) -> Case:
    proxy.strike(Fault("none"), times=0)
    provider = provider_at(proxy.endpoint_url, patience=patience)
    return Case(provider, provider_at(server.endpoint_url, patience=30)).prepare()


def test_every_operation_is_struck(server: GcsServer, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    called = recorded(GcsProvider, monkeypatch)
    for call in CALLS:
        call(case_through(proxy, server, patience=30))
    assert operations_of(GcsProvider) - called == set()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_fault_that_stays_is_told(
    proxy: FaultyProxy, server: GcsServer, call: Callable[[Case], None], fault: Fault
) -> None:
    case = case_through(proxy, server, patience=0.01)
    proxy.strike(fault)
    if fault.cut:
        # Some answers have no body that could be cut.
        with suppress(StorageError):
            call(case)
        return
    with pytest.raises(StorageError) as caught:
        call(case)
    assert caught.value.provider == "gcs"
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_fault_that_passes_is_outlived(
    proxy: FaultyProxy, server: GcsServer, call: Callable[[Case], None], fault: Fault
) -> None:
    case = case_through(proxy, server, patience=30)
    proxy.strike(fault, times=1)
    try:
        call(case)
    except ObjectExists:
        # A write whose answer was lost met itself.
        assert fault.lost or fault.cut is not None
        assert call.__name__ in ("put", "copy", "replace")
    assert len(proxy.seen) >= 2 or call is delete


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_server_that_is_not_there_is_told(server: GcsServer, call: Callable[[Case], None]) -> None:
    provider = provider_at(f"http://127.0.0.1:{free_port()}", patience=0.01)
    with pytest.raises(StorageUnavailable, match="network"):
        call(Case(provider, provider_at(server.endpoint_url, patience=30)).prepare())


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_bucket_that_is_not_there_is_told(server: GcsServer, call: Callable[[Case], None]) -> None:
    provider = provider_at(server.endpoint_url, patience=30, bucket="gone")
    with pytest.raises(BucketNotFound):
        call(Case(provider, provider_at(server.endpoint_url, patience=30)).prepare())


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (401, "authError", StorageAccessDenied),
        (403, "forbidden", StorageAccessDenied),
        (403, "rateLimitExceeded", StorageUnavailable),
        (403, "quotaExceeded", StorageFull),
        (403, "retentionPolicyNotMet", StorageAccessDenied),
        (412, "conditionNotMet", ObjectExists),
        (408, "requestTimeout", StorageUnavailable),
        (418, "unheard", StorageError),
        (429, "rateLimitExceeded", StorageUnavailable),
        (500, "backendError", StorageUnavailable),
        (503, "backendError", StorageUnavailable),
    ],
)
def test_a_refusal_becomes_the_error_that_says_it(
    proxy: FaultyProxy, server: GcsServer, status: int, reason: str, expected: type[StorageError]
) -> None:
    case = case_through(proxy, server, patience=0.01)
    proxy.strike(Fault("refused", before=refusal(status, reason)))
    with pytest.raises(expected) as caught:
        put(case)
    assert (type(caught.value), caught.value.key) == (expected, case.new)
    assert caught.value.hint or expected is ObjectExists


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
@pytest.mark.parametrize("part", [1, 2])
def test_an_upload_goes_on_where_it_broke(proxy: FaultyProxy, server: GcsServer, part: int, fault: Fault) -> None:
    case = case_through(proxy, server, patience=30)
    parts: list[str] = []

    def is_the_part(method: str, path: str) -> bool:
        if method == "PUT" and "/session/" in path:
            parts.append(path)
        return method == "PUT" and len(parts) == part

    proxy.strike(fault, times=1, where=is_the_part)
    put_large(case)


def test_an_upload_that_cannot_go_on_leaves_nothing(proxy: FaultyProxy, server: GcsServer) -> None:
    case = case_through(proxy, server, patience=0.01)
    server.sessions.clear()
    proxy.strike(Fault("503", before=refusal(503, "backendError")), where=lambda method, _path: method == "PUT")
    with pytest.raises(StorageUnavailable):
        put_large(case)
    assert not case.direct.exists(case.new)
    assert server.sessions == {}


@pytest.mark.parametrize("cut", [0.0, 0.5])
def test_a_read_that_keeps_breaking_is_never_short(proxy: FaultyProxy, server: GcsServer, cut: float) -> None:
    case = case_through(proxy, server, patience=0.01)
    with case.provider.open(case.there) as reader:
        proxy.strike(Fault("cut", cut=cut, reset=True))
        with pytest.raises(StorageUnavailable):
            reader.read()
        proxy.strike(Fault("none"), times=0)
        assert reader.read() == SMALL


def test_an_object_that_changes_while_it_is_read_is_told(server: GcsServer) -> None:
    provider, key = provider_at(server.endpoint_url, patience=30), fresh_key()
    provider.put_stream(key, [LARGE])
    with provider.open(key) as reader:
        assert reader.read(10) == LARGE[:10]
        provider.replace(key, LARGE[::-1], etag=reader.info.etag)
        with pytest.raises(IntegrityMismatch):
            reader.read()
