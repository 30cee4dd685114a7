"""Every fault of HCP's, at every operation, ends in success or in one of the vault's errors, never in another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from documents.errors import StorageError, StorageUnavailable
from documents.storage.conformance_samples import body_of
from documents.storage.hcp import HcpProvider
from documents.storage.multipart import MIN_PART_SIZE
from tests.storage.fake_hcp import NAMESPACE, FakeHcp, fake_hcp
from tests.storage.fake_hcp_clients import IMPATIENT, PATIENT, client_for
from tests.storage.fake_hcp_messages import Answer, Refused, Request

SMALL = body_of(50_000)


@pytest.fixture(scope="module")
def running_hcp() -> Iterator[FakeHcp]:
    with fake_hcp() as hcp:
        yield hcp


@pytest.fixture
def hcp(running_hcp: FakeHcp) -> FakeHcp:
    running_hcp.reset()
    return running_hcp


@contextmanager
def provider_of(hcp: FakeHcp, *, patience: timedelta = PATIENT) -> Iterator[HcpProvider]:
    client = client_for(hcp, patience=patience)
    yield HcpProvider(client=client, bucket=NAMESPACE, part_size=MIN_PART_SIZE)
    client.close()


@pytest.fixture
def direct(hcp: FakeHcp) -> Iterator[HcpProvider]:
    with provider_of(hcp) as provider:
        yield provider


_FACTS = {"Last-Modified": "Sat, 01 Aug 2026 00:00:00 GMT", "ETag": '"e"'}
FAULTS: dict[str, Answer] = {
    **{f"{status} {code}": Refused(status, code).answer for status, code in (
        (403, "AccessDenied"), (409, "Conflict"), (410, "Gone"), (413, "EntityTooLarge"), (500, "InternalError"),
        (503, "ServiceUnavailable"), (200, "InternalError"),
    )},
    "a redirect": Answer(302, headers={"Location": "https://console.example.com/"}),
    "a page": Answer(200, b"<html><body>Sign in</body></html>", {"Content-Type": "text/html"}),
    "nothing": Answer(200),
    "garbage": Answer(200, b"<<<\x00 not XML", {"Content-Type": "application/xml"}),
    "silence": Answer(is_silent=True),
    "a lost answer": Answer(is_lost=True),
    "an answer cut short": Answer(200, bytes(1_000), _FACTS, cut_at=10),
}  # fmt: skip
OPERATIONS: dict[str, Callable[[HcpProvider], Any]] = {
    "put_bytes": lambda provider: provider.put_bytes("new", SMALL),
    "put_stream": lambda provider: provider.put_stream("new", [body_of(MIN_PART_SIZE + 1)]),
    "get": lambda provider: provider.get("there"),
    "get_range": lambda provider: provider.get_range("there", 10, 10),
    "head": lambda provider: provider.head("there"),
    "exists": lambda provider: provider.exists("there"),
    "delete": lambda provider: provider.delete("there"),
    "iter_locations": lambda provider: list(provider.iter_locations()),
    "copy": lambda provider: provider.copy("there", "new"),
    "create_multipart": lambda provider: provider.create_multipart("new"),
    "iter_multiparts": lambda provider: list(provider.iter_multiparts()),
    "versioning_state": lambda provider: provider.versioning_state(),
    "iter_versions": lambda provider: list(provider.iter_versions()),
    "object_acl": lambda provider: provider.object_acl("there"),
    "list_buckets": lambda provider: list(provider.list_buckets()),
    "create_bucket": lambda provider: provider.create_bucket("another"),
    "has_bucket": lambda provider: provider.has_bucket("another"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_fault_is_an_error_of_the_vault_and_stored_bytes_stay_whole(
    hcp: FakeHcp, direct: HcpProvider, operation: str, fault: str
) -> None:
    direct.put_bytes("there", SMALL)

    def strike(request: Request) -> Answer | None:
        answer = FAULTS[fault]
        if answer.status == 200 and request.method == "HEAD":
            return None  # in an answer without a body there is nothing to be wrong
        is_read = request.method == "GET" and request.path.endswith("/there") and not request.query
        return replace(answer, headers=answer.headers | _FACTS) if is_read else answer

    hcp.answer_with = strike
    # Success, where the fault does not matter to it, or this and nothing else.
    patience = IMPATIENT if FAULTS[fault].is_silent else PATIENT
    with provider_of(hcp, patience=patience) as provider, suppress(StorageError):
        OPERATIONS[operation](provider)
    hcp.answer_with = lambda _request: None
    for key in ("there", "new"):
        if direct.exists(key):
            assert direct.get(key) in (SMALL, body_of(MIN_PART_SIZE + 1))


def test_nobody_listening_is_unavailable() -> None:
    with fake_hcp() as gone:
        client = client_for(gone)
    with pytest.raises(StorageUnavailable):
        HcpProvider(client=client, bucket=NAMESPACE).get("k")
