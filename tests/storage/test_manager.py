"""The manager: named providers under named policies, and references that stand on their own."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from documents.errors import (
    ConfigurationError,
    InvalidObjectKey,
    ObjectNotFound,
    ObjectTooLarge,
    PolicyNotFound,
    ReferenceInvalid,
    RetentionActive,
    TypeNotAllowed,
)
from documents.storage.base import StorageProvider
from documents.storage.limits import limited
from documents.storage.manager import StorageManager, is_not_found
from documents.storage.memory import MemoryProvider
from documents.storage.policies import Policy
from documents.storage.stored import StoredObject

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
STORES = {"near": MemoryProvider(name="near"), "far": MemoryProvider(name="far")}
POLICIES = {
    "documents": Policy("documents", store="near"),
    "payslips": Policy(
        "payslips",
        store="far",
        max_size=10,
        allowed_types=("application/pdf", "image/*"),
        retention=timedelta(days=30),
        key_prefix="hr/payslips",
    ),
}


def provider_of(name: str) -> StorageProvider:
    if name not in STORES:
        raise ConfigurationError(f"There is no store {name}.")
    return STORES[name]


@pytest.fixture
def manager() -> StorageManager:
    STORES.update({name: MemoryProvider(name=name) for name in STORES})
    return StorageManager(provider_of, POLICIES)


def store(manager: StorageManager, *chunks: bytes, policy: str = "payslips") -> StoredObject:
    return manager.store(chunks, policy=policy, filename="may.pdf", content_type="application/pdf", namespace="alice")


def test_what_is_stored_is_found_by_its_reference(manager: StorageManager) -> None:
    with time_machine.travel(NOW, tick=False):
        stored = store(manager, b"five5", b"more")

    assert (stored.provider, stored.size, stored.created_at) == ("far", 9, NOW)
    assert stored.checksum == f"sha256:{hashlib.sha256(b'five5more').hexdigest()}"
    assert stored.key.startswith("hr/payslips/objects/alice/2026/08/01/")
    assert stored.location == f"far:{stored.key}"
    assert manager.get(stored) == b"five5more"
    with manager.open(stored, start=4, length=2) as reader:
        assert reader.read() == b"5m"


def test_a_reference_survives_json(manager: StorageManager) -> None:
    stored = manager.store([b"x"], policy="payslips", content_type="image/png", extra={"case": 7})

    assert StoredObject.from_json(json.loads(json.dumps(stored.to_json()))) == stored


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"schema": "another"}, {"size": "1"}, {"size": -1}, {"size": True}, {"key": None}, {"extra": 3},
        {"created_at": "yesterday"}, {"created_at": 5}, {"created_at": "2026-08-01T12:00:00"}, {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused(manager: StorageManager, change: dict[str, object]) -> None:
    with pytest.raises(ReferenceInvalid):
        StoredObject.from_json(store(manager, b"x").to_json() | change)


def test_a_reference_that_lacks_a_field_is_refused(manager: StorageManager) -> None:
    plain = store(manager, b"x").to_json()
    for field in plain:
        with pytest.raises(ReferenceInvalid):
            StoredObject.from_json({name: value for name, value in plain.items() if name != field})


def test_one_byte_too_many_leaves_nothing(manager: StorageManager) -> None:
    assert store(manager, bytes(10)).size == 10
    before = list(STORES["far"].iter_locations())
    with pytest.raises(ObjectTooLarge, match="10 bytes"):
        store(manager, bytes(10), b"!")
    assert list(STORES["far"].iter_locations()) == before


def test_a_limited_stream_reads_no_further_than_its_limit() -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield bytes(4)

    with pytest.raises(ObjectTooLarge):
        list(limited(endless(), 10))
    assert len(taken) == 3
    assert list(limited(b"whole", None)) == [b"whole"]


def test_only_allowed_types_are_stored(manager: StorageManager) -> None:
    with pytest.raises(TypeNotAllowed, match="text/html"):
        manager.store([b"<p>"], policy="payslips", content_type="text/html")
    assert list(STORES["far"].iter_locations()) == []
    assert manager.store([b"<p>"], content_type="text/html").provider == "near"


def test_what_must_be_kept_is_not_deleted(manager: StorageManager) -> None:
    with time_machine.travel(NOW, tick=False):
        stored = store(manager, b"x")
    with time_machine.travel(NOW + timedelta(days=29), tick=False), pytest.raises(RetentionActive, match="2026-08-31"):
        manager.delete(stored)
    assert manager.exists(stored)
    with time_machine.travel(NOW + timedelta(days=30, seconds=1), tick=False):
        manager.delete(stored)
        manager.delete(stored)
    assert not manager.exists(stored)


def test_namespaces_do_not_leave_their_policy(manager: StorageManager) -> None:
    for namespace in ("../other", "/etc", "a//b", "a\\b"):
        with pytest.raises(InvalidObjectKey):
            manager.store([b"x"], namespace=namespace)


def test_what_is_not_there_is_told_apart(manager: StorageManager) -> None:
    stored = store(manager, b"x", policy="documents")
    manager.delete(stored)
    with pytest.raises(ObjectNotFound) as caught:
        manager.get(stored)
    assert is_not_found(caught.value)
    assert not is_not_found(ValueError())
    with pytest.raises(PolicyNotFound, match="documents, payslips"):
        manager.policy("contracts")
