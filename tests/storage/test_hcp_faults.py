"""Every fault of HCP's, at every operation, ends in success or in one of the vault's errors, never in another."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from documents.errors import StorageError, StorageUnavailable
from documents.storage.bucket_capabilities import CannedAcl, VersioningState
from documents.storage.capabilities import Part
from documents.storage.conformance_samples import body_of
from documents.storage.hcp import HcpProvider
from documents.storage.multipart import MIN_PART_SIZE
from tests.storage.fake_hcp import NAMESPACE, FakeHcp, fake_hcp
from tests.storage.fake_hcp_clients import IMPATIENT, PATIENT, client_for
from tests.storage.fake_hcp_messages import Answer, Refused, Request
from tests.storage.operations import operations_of, recorded

SMALL = body_of(50_000)


@pytest.fixture(scope="module")
def running_hcp() -> Iterator[FakeHcp]:
    with fake_hcp() as hcp:
        yield hcp


@pytest.fixture
def hcp(running_hcp: FakeHcp) -> FakeHcp:
    running_hcp.reset()
    return running_hcp


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore pauses up to a second between attempts."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)


def provider_of(hcp: FakeHcp, *, patience: timedelta = PATIENT) -> HcpProvider:
    return HcpProvider(client=client_for(hcp, patience=patience), bucket=NAMESPACE, part_size=MIN_PART_SIZE)


@pytest.fixture(scope="module")
def direct(running_hcp: FakeHcp) -> HcpProvider:
    return provider_of(running_hcp)


_FACTS = {"Last-Modified": "Sat, 01 Aug 2026 00:00:00 GMT", "ETag": '"e"'}
# What HCP answers otherwise than S3 does, and one of each kind of what breaks an answer: the provider is S3's but for
# what these meet, and the tests of S3 have the rest. Silence is one for all operations, below.
FAULTS: dict[str, Answer] = {
    **{f"{status} {code}": Refused(status, code).answer for status, code in (
        (403, "AccessDenied"), (409, "Conflict"), (410, "Gone"), (413, "EntityTooLarge"), (200, "InternalError"),
    )},
    "a redirect": Answer(302, headers={"Location": "https://console.example.com/"}),
    "a page": Answer(200, b"<html><body>Sign in</body></html>", {"Content-Type": "text/html"}),
    "a lost answer": Answer(is_lost=True),
}  # fmt: skip
SILENCE = Answer(is_silent=True)
PART = Part(1, "0" * 32, 5)
OPERATIONS: dict[str, Callable[[HcpProvider], Any]] = {
    "put_if_absent": lambda provider: provider.put_if_absent("new", SMALL),
    "put_bytes": lambda provider: provider.put_bytes("new", SMALL),
    "put_stream": lambda provider: provider.put_stream("new", [body_of(MIN_PART_SIZE + 1)]),
    "get": lambda provider: provider.get("there"),
    "get_range": lambda provider: provider.get_range("there", 10, 10),
    "head": lambda provider: provider.head("there"),
    "exists": lambda provider: provider.exists("there"),
    "delete": lambda provider: provider.delete("there"),
    "iter_locations": lambda provider: list(provider.iter_locations()),
    "iter_locations_after": lambda provider: list(provider.iter_locations_after("", "a")),
    "copy": lambda provider: provider.copy("there", "new"),
    "delete_many": lambda provider: list(provider.delete_many(["there", "new"])),
    "create_multipart": lambda provider: provider.create_multipart("new"),
    "upload_part": lambda provider: provider.upload_part("new", "an-id", 1, b"part"),
    "list_parts": lambda provider: list(provider.list_parts("new", "an-id")),
    "complete_multipart": lambda provider: provider.complete_multipart("new", "an-id", [PART]),
    "abort_multipart": lambda provider: provider.abort_multipart("new", "an-id"),
    "remove_unfinished": lambda provider: provider.remove_unfinished(older_than=timedelta(days=1)),
    "iter_multiparts": lambda provider: list(provider.iter_multiparts()),
    "versioning_state": lambda provider: provider.versioning_state(),
    "set_versioning": lambda provider: provider.set_versioning(VersioningState.ENABLED),
    "iter_versions": lambda provider: list(provider.iter_versions()),
    "open_version": lambda provider: provider.open_version("there", "1").read(),
    "delete_version": lambda provider: provider.delete_version("there", "1"),
    "object_acl": lambda provider: provider.object_acl("there"),
    "set_object_acl": lambda provider: provider.set_object_acl("there", CannedAcl.PRIVATE),
    "bucket_acl": lambda provider: provider.bucket_acl(),
    "set_bucket_acl": lambda provider: provider.set_bucket_acl(CannedAcl.PRIVATE),
    "list_buckets": lambda provider: list(provider.list_buckets()),
    "create_bucket": lambda provider: provider.create_bucket("another"),
    "has_bucket": lambda provider: provider.has_bucket("another"),
    "delete_bucket": lambda provider: provider.delete_bucket("another"),
}
# No request to the store.
ARITHMETIC = {"presign_get", "presign_put", "presign_part"}


def test_every_operation_is_struck(direct: HcpProvider, hcp: FakeHcp, monkeypatch: pytest.MonkeyPatch) -> None:
    called = recorded(HcpProvider, monkeypatch)
    for operation in OPERATIONS.values():
        with suppress(StorageError):
            operation(direct)
    assert operations_of(HcpProvider) - called == ARITHMETIC


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
    with suppress(StorageError):
        OPERATIONS[operation](provider_of(hcp))
    hcp.answer_with = lambda _request: None
    for key in ("there", "new"):
        if direct.exists(key):
            assert direct.get(key) in (SMALL, body_of(MIN_PART_SIZE + 1))


def test_silence_is_an_error_of_every_operation(hcp: FakeHcp) -> None:
    hcp.answer_with = lambda _request: SILENCE

    def told(operation: Callable[[HcpProvider], Any]) -> bool:
        try:
            deletions = operation(provider_of(hcp, patience=IMPATIENT))
        except StorageUnavailable:
            return True
        return isinstance(deletions, list) and all(deletion.error for deletion in deletions)

    # All at once: each of them waits for its time to be over.
    with ThreadPoolExecutor(len(OPERATIONS)) as threads:
        answers = dict(zip(OPERATIONS, threads.map(told, OPERATIONS.values()), strict=True))
    assert [name for name, was_told in answers.items() if not was_told] == []


def test_nobody_listening_is_unavailable() -> None:
    with fake_hcp() as gone:
        client = client_for(gone)
    with pytest.raises(StorageUnavailable):
        HcpProvider(client=client, bucket=NAMESPACE).get("k")
