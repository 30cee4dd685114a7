"""Payloads that nobody needs any more: two looks, and never one that somebody holds."""

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from documents import tasks
from documents.models import AuditEvent, CollectedStore, Document, ObjectRemoval, Payload
from documents.models.clock import database_now
from documents.services import payload_holders
from documents.services.actors import Actor
from documents.services.attributes import attributes_of, set_attributes
from documents.services.collection import collect
from documents.services.payload_sweeping import sweep_payloads
from documents.services.payloads import dehydrate, hydrate, register_holder, seal_value
from documents.storage.base import StorageProvider
from tests.documents.payload_samples import payload_objects
from tests.parallel import in_parallel

pytestmark = pytest.mark.django_db
LARGE = {"body": "x" * 5000}


@pytest.fixture
def payload(alice: User) -> Payload:
    dehydrate(LARGE, attribution="reports", owner=alice)
    return Payload.objects.get()


@pytest.fixture
def held() -> Iterator[set[UUID]]:
    """What an app of the tests says that it holds."""
    ids: set[UUID] = set()

    def function(asked: Collection[UUID]) -> set[UUID]:
        return ids & set(asked)

    register_holder("tests", function)
    yield ids
    del payload_holders._holders["tests"]


def let_time_pass() -> None:
    Payload.objects.update(due_at=database_now() - timedelta(seconds=1))


@pytest.fixture
def objects(alice: User, provider: StorageProvider) -> Callable[[], int]:
    """Count Alice's payloads in the store."""
    return lambda: len(payload_objects(provider, alice))


def test_an_unheld_payload_is_removed_at_the_second_look(payload: Payload, objects: Callable[[], int]) -> None:
    assert sweep_payloads() == 0
    let_time_pass()
    assert sweep_payloads() == 0
    assert sweep_payloads() == 0, "the second look is not due yet"
    payload.refresh_from_db()
    assert payload.unheld_since
    assert objects() == 1
    let_time_pass()

    assert sweep_payloads() == 1

    assert (Payload.objects.count(), ObjectRemoval.objects.count(), objects()) == (0, 0, 0)
    assert AuditEvent.objects.get(action="payload.removed").detail == {"reason": "unheld"}


def test_what_an_app_holds_stays_until_it_lets_go(
    payload: Payload, held: set[UUID], objects: Callable[[], int]
) -> None:
    held.add(payload.pk)
    for _ in range(4):
        let_time_pass()
        assert sweep_payloads() == 0
    held.clear()
    for expected in (0, 1):
        let_time_pass()
        assert sweep_payloads() == expected
    assert objects() == 0


def test_who_takes_hold_between_the_looks_keeps_it(payload: Payload, held: set[UUID]) -> None:
    let_time_pass()
    sweep_payloads()
    held.add(payload.pk)
    let_time_pass()

    assert sweep_payloads() == 0
    payload.refresh_from_db()
    assert payload.unheld_since is None
    assert payload.due_at > database_now()


def test_who_takes_hold_during_the_second_look_keeps_it(
    payload: Payload, held: set[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first question is asked before the row is locked, the second after."""
    let_time_pass()
    sweep_payloads()
    let_time_pass()
    answers = iter([set(), {payload.pk}])
    monkeypatch.setattr("documents.services.payload_sweeping.held", lambda _ids: next(answers))

    assert sweep_payloads() == 0
    assert Payload.objects.exists()


def test_a_payload_of_a_document_is_not_even_looked_at(
    store: Callable[..., Document], alice: User, as_alice: Actor
) -> None:
    document = set_attributes(store().pk, LARGE, owner=alice, actor=as_alice)
    for _ in range(3):
        let_time_pass()
        assert sweep_payloads() == 0
    assert Payload.objects.get().unheld_since is None
    assert attributes_of(document) == LARGE


def test_a_document_takes_hold_of_what_was_seen_unheld(
    store: Callable[..., Document], alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seal_slowly(*arguments: Any, **options: Any) -> Any:
        made = seal_value(*arguments, **options)
        let_time_pass()
        sweep_payloads()
        let_time_pass()
        return made

    monkeypatch.setattr("documents.services.attributes.seal_value", seal_slowly)
    document = set_attributes(store().pk, LARGE, owner=alice, actor=as_alice)

    assert sweep_payloads() == 0
    assert attributes_of(document) == LARGE


def test_a_holder_that_fails_stops_the_sweep(payload: Payload, held: set[UUID]) -> None:
    def broken(_ids: Collection[UUID]) -> set[UUID]:
        raise ConnectionError("its table is gone")

    payload_holders._holders["broken"] = broken
    try:
        for _ in range(2):
            let_time_pass()
            with pytest.raises(ConnectionError):
                sweep_payloads()
    finally:
        del payload_holders._holders["broken"]
    assert Payload.objects.get().unheld_since is None


def test_a_name_is_registered_once(held: set[UUID]) -> None:
    with pytest.raises(ValueError, match="'tests'"):
        register_holder("tests", lambda _ids: set())


def test_without_its_holder_a_payload_would_be_lost(payload: Payload, held: set[UUID]) -> None:
    """The control of the tests above: the registration is what keeps it."""
    held.add(payload.pk)
    function = payload_holders._holders.pop("tests")
    try:
        for expected in (0, 1):
            let_time_pass()
            assert sweep_payloads() == expected
    finally:
        payload_holders._holders["tests"] = function


def test_an_older_database_removes_no_payload(payload: Payload, objects: Callable[[], int]) -> None:
    """In the newer one a document may hold it."""
    collect()
    CollectedStore.objects.update(epoch=0, written_epoch=0)
    for _ in range(3):
        let_time_pass()
        assert sweep_payloads() == 0
    assert (Payload.objects.get().unheld_since, objects()) == (None, 1)

    CollectedStore.objects.update(epoch=100)
    for expected in (0, 1):
        let_time_pass()
        assert sweep_payloads() == expected


def test_a_task_delivered_again_changes_nothing(payload: Payload, objects: Callable[[], int]) -> None:
    let_time_pass()
    tasks.sweep_payloads()
    let_time_pass()
    tasks.sweep_payloads()
    for _ in range(3):
        tasks.sweep_payloads()

    assert objects() == 0
    assert AuditEvent.objects.filter(action="payload.removed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_ten_sweepers_at_once_remove_each_payload_once(
    alice: User, held: set[UUID], objects: Callable[[], int]
) -> None:
    small = [dehydrate(LARGE, attribution="reports", owner=alice) for _ in range(6)]
    held.add(UUID(small[0]["body"]["$vault:payload"]["id"]))
    let_time_pass()
    assert in_parallel(sweep_payloads) == [0] * 10
    let_time_pass()

    assert sum(in_parallel(sweep_payloads)) == 5

    assert AuditEvent.objects.filter(action="payload.removed").count() == 5
    assert objects() == 1
    assert hydrate(small[0], attribution="reports", owner=alice) == LARGE
