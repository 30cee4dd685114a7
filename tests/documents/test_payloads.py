"""Payloads: large values are sealed, small ones stand for them, and only the owner's own come back."""

import gc
import json
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from pytest_django.fixtures import Settings

from documents.encryption.envelope import EnvelopeIds, open_header
from documents.errors import (
    PayloadCyclic,
    PayloadInvalid,
    PayloadReferenceInvalid,
    PayloadTooDeep,
    PayloadTooLarge,
    PayloadUnreadable,
    SealOnlyKeyRing,
    StorageUnavailable,
)
from documents.key_rings import key_ring
from documents.models import Attachment, AuditEvent, Document, ObjectRemoval, Payload, StagedAttachment, Vault
from documents.services.actors import Actor
from documents.services.payload_values import JSON, PAYLOAD
from documents.services.payloads import dehydrate, hydrate, release
from documents.storage.base import StorageProvider
from documents.storage.memory import MemoryProvider
from tests.documents.payload_samples import APP, LARGE, VALUES, nested, payload_objects, reference_in, typed
from tests.encryption.keys import upload_tier_ring

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(alice: User) -> JSON:
    """A value of Alice's with one reference in it."""
    return dehydrate(LARGE, attribution=APP, owner=alice)


def test_a_large_member_becomes_a_reference_and_comes_back(small: JSON, alice: User) -> None:
    assert (small["title"], small["pages"]) == ("Report", 3)
    assert len(json.dumps(small)) < 600
    assert hydrate(small, attribution=APP, owner=alice) == LARGE


def test_the_reference_says_where_what_and_whose_it_is(small: JSON, alice: User, provider: StorageProvider) -> None:
    payload = Payload.objects.get()

    assert reference_in(small) == {
        "schema": "document-vault.payload",
        "version": 1,
        "provider": provider.name,
        "key": f"payloads/user_{alice.pk}/{payload.created_at:%Y/%m/%d}/{payload.pk}.vlt",
        "content_type": "json",
        "size": 5002,
        "id": str(payload.pk),
        "attribution": {"app": APP, "owner": alice.pk},
    }
    assert provider.head(payload.storage_path).size == payload.sealed_size


def test_the_envelope_binds_ids_that_no_document_has(small: JSON, provider: StorageProvider) -> None:
    payload = Payload.objects.get()
    ids = EnvelopeIds(Vault.current_id(), payload.group_id, payload.pk)

    envelope = open_header(provider.get(payload.storage_path), key_ring(), expected=ids)

    assert envelope.metadata.content_type == "application/vnd.document-vault.payload+json"
    assert not Document.objects.exists()
    assert not StagedAttachment.objects.exists()


@given(value=VALUES)
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_hydrate_is_the_exact_inverse_through_database_and_store(value: JSON, alice: User) -> None:
    document = Document.objects.create(owner=alice, title="a")
    for inline_limit in (1024, 20):
        small = dehydrate(value, attribution=APP, owner=alice, inline_limit=inline_limit, max_depth=50)
        Document.objects.filter(pk=document.pk).update(attributes={"value": small})
        document.refresh_from_db()
        assert typed(hydrate(document.attributes, attribution=APP, owner=alice)) == {"value": typed(value)}


@pytest.mark.parametrize("owner", ["alice", None])
def test_raw_bytes_come_back_as_bytes(request: pytest.FixtureRequest, owner: str | None) -> None:
    whose = request.getfixturevalue(owner) if owner else None
    small = dehydrate({"body": bytes(range(256)) * 20}, attribution=APP, owner=whose)

    assert reference_in(small)["content_type"] == "raw"
    assert hydrate(small, attribution=APP, owner=whose) == {"body": bytes(range(256)) * 20}


def test_a_small_value_stores_nothing(alice: User) -> None:
    assert dehydrate({"a": [1, 2.5, None]}, attribution=APP, owner=alice) == {"a": [1, 2.5, None]}
    assert not Payload.objects.exists()


def test_limits_are_those_of_the_configuration_unless_the_call_says_otherwise(alice: User, settings: Settings) -> None:
    settings.VAULT = replace(
        settings.VAULT, payloads=replace(settings.VAULT.payloads, inline_limit=10, max_depth=2, max_size=1000)
    )
    value = {"a": {"b": "x" * 20}}

    assert PAYLOAD in str(dehydrate(value, attribution=APP, owner=alice))
    assert dehydrate(value, attribution=APP, owner=alice, inline_limit=100) == value
    with pytest.raises(PayloadTooDeep):
        dehydrate({"a": value}, attribution=APP)
    assert dehydrate({"a": value}, attribution=APP, max_depth=3, inline_limit=100) == {"a": value}
    with pytest.raises(PayloadTooLarge):
        dehydrate("x" * 1000, attribution=APP)
    for inline_limit, max_depth in ((-1, 1), (1, 0), (1, 101)):
        with pytest.raises(ValueError, match="inline_limit"):
            dehydrate(1, attribution=APP, inline_limit=inline_limit, max_depth=max_depth)
    with pytest.raises(ValueError, match="label"):
        dehydrate(1, attribution="a b")


def test_what_cannot_be_json_is_refused_and_stores_nothing(alice: User) -> None:
    itself: list[Any] = ["x" * 5000]
    itself.append(itself)
    refused = [
        (itself, PayloadCyclic),
        (nested(100_000), PayloadTooDeep),
        ({"large": "x" * 5000, "bad": float("nan")}, PayloadInvalid),
    ]

    for value, error in refused:
        with pytest.raises(error):
            dehydrate(value, attribution=APP, owner=alice)
        with pytest.raises(error):
            hydrate(value, attribution=APP, owner=alice)
    assert not Payload.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_damaged_or_missing_object_is_an_error_and_audited(
    small: JSON, alice: User, provider: StorageProvider
) -> None:
    path = Payload.objects.get().storage_path
    body = bytearray(provider.get(path))
    body[-1] ^= 1
    provider.delete(path)
    for damaged in (None, bytes(body), bytes(body[:100])):
        if damaged is not None:
            provider.put_bytes(path, damaged)
        with pytest.raises(PayloadUnreadable):
            hydrate(small, attribution=APP, owner=alice)
        provider.delete(path)

    reasons = AuditEvent.objects.filter(action="payload.unreadable").order_by("id").values_list("detail", flat=True)
    assert [detail["reason"] for detail in reasons] == ["ObjectNotFound", "AuthenticationFailed", "MalformedEnvelope"]


def test_a_payload_that_was_moved_to_another_store_is_found_by_the_same_reference(
    small: JSON, alice: User, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload, elsewhere = Payload.objects.get(), MemoryProvider(name="memory")
    elsewhere.put_bytes("moved/here", provider.get(payload.storage_path))
    provider.delete(payload.storage_path)
    Payload.objects.update(storage_type="memory", storage_path="moved/here")
    monkeypatch.setattr("documents.services.object_reading.readable_provider", lambda *_where: elsewhere)

    assert hydrate(small, attribution=APP, owner=alice) == LARGE


def test_a_server_of_public_keys_alone_seals_and_says_that_it_cannot_open(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = upload_tier_ring()
    monkeypatch.setattr("documents.services.payload_sealing.key_ring", lambda: ring)
    small = dehydrate(LARGE, attribution=APP, owner=alice)

    with pytest.raises(SealOnlyKeyRing):
        hydrate(small, attribution=APP, owner=alice)
    assert hydrate({"a": 1}, attribution=APP, owner=alice) == {"a": 1}


def test_releasing_removes_row_and_object_and_may_be_repeated(
    small: JSON, alice: User, provider: StorageProvider
) -> None:
    assert release(small, attribution=APP, owner=alice) == 1
    assert release(small, attribution=APP, owner=alice) == 0

    assert (Payload.objects.count(), ObjectRemoval.objects.count(), payload_objects(provider, alice)) == (0, 0, set())
    with pytest.raises(PayloadReferenceInvalid):
        hydrate(small, attribution=APP, owner=alice)
    actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["payload.stored", "payload.removed"]


class FullAfterOne(MemoryProvider):
    """Takes one object and no more."""

    def put_bytes(self, key: str, data):  # type: ignore[no-untyped-def]  # as the provider's
        if any(self.iter_locations()):
            raise StorageUnavailable("gone", provider=self.name, key=key)
        return super().put_bytes(key, data)


def test_of_a_value_that_cannot_be_stored_whole_nothing_is_left(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FullAfterOne(name="memory")
    for module in ("payload_sealing", "staging", "deletion"):
        monkeypatch.setattr(f"documents.services.{module}.storage_provider", lambda *_: store)

    with pytest.raises(StorageUnavailable):
        dehydrate({"a": "a" * 5000, "b": "b" * 5000}, attribution=APP, owner=alice)

    assert not list(store.iter_locations())
    assert not Payload.objects.exists()
    assert not StagedAttachment.objects.exclude(state=StagedAttachment.State.DISCARDED).exists()
    actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["payload.stored", "payload.failed", "payload.removed"]


@pytest.mark.django_db(transaction=True)
def test_sealing_and_releasing_inside_a_transaction_are_refused(alice: User, provider: StorageProvider) -> None:
    small = dehydrate(LARGE, attribution=APP, owner=alice)
    stored = payload_objects(provider, alice)

    for refused in (
        lambda: dehydrate(LARGE, attribution=APP, owner=alice),
        lambda: release(small, attribution=APP, owner=alice),
    ):
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            refused()

    assert payload_objects(provider, alice) == stored
    assert Payload.objects.count() == 1


def test_no_plaintext_of_a_payload_is_in_the_database_the_log_or_the_store(
    alice: User, provider: StorageProvider, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    small = dehydrate({"title": "plain-canary", "body": "secret-canary" * 500}, attribution=APP, owner=alice)
    provider.delete(Payload.objects.get().storage_path)
    with pytest.raises(PayloadUnreadable) as raised:
        hydrate(small, attribution=APP, owner=alice)

    seen = [json.dumps(small), str(raised.value), caplog.text, *capsys.readouterr(), *everything_in_the_database()]
    assert not [text for text in seen if "secret-canary" in text]
    assert "plain-canary" in json.dumps(small), "what is small stays inline, in clear"


def everything_in_the_database() -> list[str]:
    with connection.cursor() as cursor:
        found = []
        for model in (Payload, StagedAttachment, AuditEvent, ObjectRemoval, Document, Attachment):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")  # noqa: S608
            found += [str([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in cursor.fetchall()]
        return found


def test_the_search_of_the_database_finds_what_is_there(alice: User) -> None:
    Document.objects.create(owner=alice, title="a", attributes={"a": "secret-canary"})

    assert [text for text in everything_in_the_database() if "secret-canary" in text]


def test_memory_grows_with_the_value_by_a_small_factor_and_comes_back(alice: User) -> None:
    size = 8 * 1024 * 1024
    value = {"body": "x" * size}
    tracemalloc.start()
    small = dehydrate(value, attribution=APP, owner=alice)
    _, most_sealing = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    hydrate(small, attribution=APP, owner=alice)
    _, most_opening = tracemalloc.get_traced_memory()
    gc.collect()  # what clients of stores leave in cycles goes when the collector comes
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most_sealing < 6 * size
    assert most_opening < 6 * size
    assert left < size


def test_what_is_kept_without_a_holder_is_kept_as_long_as_was_asked(alice: User) -> None:
    dehydrate(LARGE, attribution=APP, owner=alice, expires_in=timedelta(days=7), actor=Actor(alice, "code"))

    payload = Payload.objects.get()
    assert timedelta(days=6, hours=23) < payload.due_at - payload.created_at < timedelta(days=7, hours=1)
