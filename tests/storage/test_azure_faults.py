"""Every fault at every operation of Azure ends in success or in one of the vault's errors, never in silence."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from documents.errors import (
    BucketNotFound,
    IntegrityMismatch,
    ObjectExists,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from documents.storage.azure import AzureProvider
from documents.storage.conformance_samples import fresh_key
from tests.services.azurite import ACCOUNT
from tests.services.fixtures import azure_client_for
from tests.services.processes import free_port
from tests.storage.cloud_calls import CALLS, LARGE, SMALL, Case, copy, get, get_range, head, put, replace
from tests.storage.faulty_proxy import GARBAGE, PAGE, Fault, FaultyProxy, faulty_proxy
from tests.storage.forwarding_server import Answer
from tests.storage.operations import operations_of, recorded


def refusal(status: int, code: str) -> Answer:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>made up</Message></Error>'
    return Answer(status, (("Content-Type", "application/xml"), ("x-ms-error-code", code)), body.encode())


def said(body: bytes) -> Answer:
    return Answer(200, (("Content-Type", "application/xml"),), body)


# One fault of each class that an operation can tell from the others. Which error a status and a code become is a table,
# tested by itself, and 408, 429 and 500 are repeated as 503 is.
PASSING = (
    Fault("502 from something that is no Azure", before=Answer(502, (), b"<html>bad gateway")),
    Fault("503 ServerBusy", before=refusal(503, "ServerBusy")),
    Fault("no answer", cut=0.0, lost=True),
    Fault("a reset instead of an answer", lost=True, reset=True),
    Fault("a body cut in the middle", cut=0.5),
    Fault("a reset in the middle", cut=0.5, reset=True),
)
FAULTS = (
    *PASSING,
    Fault("401 InvalidAuthenticationInfo", before=refusal(401, "InvalidAuthenticationInfo")),
    Fault("403 AuthenticationFailed", before=refusal(403, "AuthenticationFailed")),
    Fault("404 ContainerNotFound", before=refusal(404, "ContainerNotFound")),
    Fault("412 ConditionNotMet", before=refusal(412, "ConditionNotMet")),
    Fault("a page of another server", before=PAGE),
    Fault("garbage", before=GARBAGE),
    Fault("nothing", before=said(b"")),
    Fault("XML of something else", before=said(b"<?xml version='1.0'?><Something/>")),
    Fault("an empty listing of something else", before=said(b"<EnumerationResults/>")),
)
IMPATIENT = {"retry_total": 0, "connection_timeout": 2, "read_timeout": 5}
PATIENT = {"retry_total": 3, "initial_backoff": 0, "increment_base": 0, "random_jitter_range": 0, "read_timeout": 5}


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure's library waits a second before it reads on."""
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


@pytest.fixture(scope="module")
def container(azure_url: str) -> str:
    name = f"test-{uuid4()}"
    azure_client_for(azure_url, name).create_container()
    return name


@pytest.fixture(scope="module")
def proxy(azure_url: str) -> Iterator[FaultyProxy]:
    with faulty_proxy(azure_url) as proxy:
        yield proxy


@pytest.fixture
def direct(azure_url: str, container: str) -> AzureProvider:
    return AzureProvider(client=azure_client_for(azure_url, container))


def through(proxy: FaultyProxy, direct: AzureProvider, **options: float) -> Case:
    client = azure_client_for(f"{proxy.endpoint_url}/{ACCOUNT}", direct.container.client.container_name, **options)
    proxy.strike(Fault("none"), times=0)
    return Case(AzureProvider(client=client), direct).prepare()


def test_every_operation_is_struck(proxy: FaultyProxy, direct: AzureProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    called = recorded(AzureProvider, monkeypatch)
    for call in CALLS:
        call(through(proxy, direct, **IMPATIENT))
    assert operations_of(AzureProvider) - called == set()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_fault_that_stays_is_told(
    proxy: FaultyProxy, direct: AzureProvider, call: Callable[[Case], None], fault: Fault
) -> None:
    case = through(proxy, direct, **IMPATIENT)
    proxy.strike(fault)
    if fault.cut:
        # Some answers have no body that could be cut.
        with suppress(StorageError):
            call(case)
        return
    with pytest.raises(StorageError) as caught:
        call(case)
    assert caught.value.provider == "azure"
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_fault_that_passes_is_outlived(
    proxy: FaultyProxy, direct: AzureProvider, call: Callable[[Case], None], fault: Fault
) -> None:
    case = through(proxy, direct, **PATIENT)
    proxy.strike(fault, times=1)
    try:
        call(case)
    except ObjectExists:
        # A write whose answer was lost met itself.
        assert fault.lost
        assert call in (put, copy, replace)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_server_that_is_not_there_is_told(direct: AzureProvider, call: Callable[[Case], None]) -> None:
    client = azure_client_for(f"http://127.0.0.1:{free_port()}/{ACCOUNT}", "vault", **IMPATIENT)
    with pytest.raises(StorageUnavailable, match="network"):
        call(Case(AzureProvider(client=client), direct).prepare())


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_container_that_is_not_there_is_told(
    azure_url: str, direct: AzureProvider, call: Callable[[Case], None]
) -> None:
    client = azure_client_for(azure_url, "never-made", **IMPATIENT)
    with pytest.raises(BucketNotFound, match="Create the container"):
        call(Case(AzureProvider(client=client), direct).prepare())


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_wrong_account_key_is_told(azure_url: str, direct: AzureProvider, call: Callable[[Case], None]) -> None:
    wrong = {"account_name": ACCOUNT, "account_key": "d3Jvbmc="}
    client = azure_client_for(azure_url, direct.container.client.container_name, credential=wrong, **IMPATIENT)
    with pytest.raises(StorageAccessDenied, match="the clock of this machine"):
        call(Case(AzureProvider(client=client), direct).prepare())


@pytest.mark.parametrize("call", [get, get_range, head, copy, replace], ids=lambda call: call.__name__)
def test_an_object_that_is_not_there_is_told(direct: AzureProvider, call: Callable[[Case], None]) -> None:
    with pytest.raises(ObjectNotFound):
        call(Case(direct, direct, etag="0x8D0000000000000"))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AuthorizationPermissionMismatch", StorageAccessDenied),
        (409, "AccountQuotaExceeded", StorageFull),
        (409, "BlobImmutableDueToPolicy", StorageAccessDenied),
        (400, "Md5Mismatch", IntegrityMismatch),
        (408, "RequestTimeout", StorageUnavailable),
        (418, "Unheard", StorageError),
        (429, "TooManyRequests", StorageUnavailable),
        (500, "InternalError", StorageUnavailable),
        (503, "ServerBusy", StorageUnavailable),
        (507, "", StorageFull),
    ],
)
def test_a_refusal_becomes_the_error_that_says_it(
    proxy: FaultyProxy, direct: AzureProvider, status: int, code: str, expected: type[StorageError]
) -> None:
    case = through(proxy, direct, **IMPATIENT)
    proxy.strike(Fault("refused", before=refusal(status, code)))
    with pytest.raises(expected) as caught:
        put(case)
    assert (type(caught.value), caught.value.key, bool(caught.value.hint)) == (expected, case.new, True)


@pytest.mark.parametrize("cut", [0.0, 0.5])
def test_a_read_that_keeps_breaking_is_never_short(proxy: FaultyProxy, direct: AzureProvider, cut: float) -> None:
    case = through(proxy, direct, **IMPATIENT)
    with case.provider.open(case.there) as reader:
        proxy.strike(Fault("cut", cut=cut, reset=True))
        with pytest.raises(StorageUnavailable):
            reader.read()
        proxy.strike(Fault("none"), times=0)
        assert reader.read() == SMALL


def test_an_object_that_changes_while_it_is_read_is_told(direct: AzureProvider) -> None:
    key = fresh_key()
    direct.put_stream(key, [LARGE])
    with direct.open(key) as reader:
        assert reader.read(10) == LARGE[:10]
        direct.replace(key, LARGE[::-1], etag=reader.info.etag)
        with pytest.raises(IntegrityMismatch):
            reader.read()
