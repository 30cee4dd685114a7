"""Attributes of documents, and their titles: replaced as a whole, sealed where large, gone with the document."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from pytest_django.fixtures import Settings

from documents.conf import PayloadConfig
from documents.errors import (
    DocumentNotFound,
    PayloadInvalid,
    PayloadReferenceInvalid,
    PayloadTooDeep,
    PayloadTooLarge,
    PayloadUnreadable,
    StorageUnavailable,
)
from documents.failpoints import FailpointReached
from documents.models import AuditEvent, Document, ObjectRemoval, Payload
from documents.services import attributes as attributes_service
from documents.services.actors import Actor
from documents.services.attributes import MAX_SIZE, attributes_of, set_attributes
from documents.services.deletion import delete_document, sweep_removals
from documents.services.payload_values import PAYLOAD
from documents.services.payloads import hydrate, release, seal_value
from documents.services.renaming import rename_document
from documents.storage.base import StorageProvider
from documents.storage.memory import MemoryProvider
from tests.documents.payload_samples import nested, payload_objects
from tests.parallel import in_parallel

pytestmark = pytest.mark.django_db
LARGE = {"department": "Legal", "abstract": "x" * 5000}
Change = Callable[[dict[str, Any]], Document]


Objects = Callable[[], set[str]]


@pytest.fixture
def objects(alice: User, provider: StorageProvider) -> Objects:
    """Look at what Alice's payloads are in the store."""
    return lambda: payload_objects(provider, alice)


@pytest.fixture
def document(store: Callable[..., Document]) -> Document:
    return store(title="Contract")


@pytest.fixture
def change(document: Document, alice: User, as_alice: Actor) -> Change:
    """Set the document's attributes as Alice."""

    def change(attributes: dict[str, Any]) -> Document:
        return set_attributes(document.pk, attributes, owner=alice, actor=as_alice)

    return change


def changes() -> list[str]:
    return list(AuditEvent.objects.exclude(document_id=None).order_by("id").values_list("action", flat=True))[2:]


def test_attributes_come_back_as_they_were_set(document: Document, change: Change) -> None:
    assert attributes_of(document) == {}
    wanted = {**LARGE, "tags": ["a", {"b": None}], "pages": 3, "rate": 1e300, "nul": "\0", "like one": {PAYLOAD: {}}}

    change(wanted)

    document.refresh_from_db()
    assert attributes_of(document) == wanted
    assert document.attributes["department"] == "Legal"
    assert PAYLOAD in document.attributes["abstract"]
    assert Payload.objects.get().document == document
    assert changes() == ["document.attributes-set"]


def test_replacing_releases_the_earlier_ones(document: Document, change: Change, objects: Objects) -> None:
    change(LARGE)
    earlier = objects()
    change(LARGE)

    assert len(objects()) == 1
    assert objects().isdisjoint(earlier)
    assert Payload.objects.count() == 1
    change({})
    assert (objects(), Payload.objects.count(), ObjectRemoval.objects.count()) == (set(), 0, 0)


def test_deleting_the_document_deletes_them(
    document: Document, change: Change, alice: User, as_alice: Actor, objects: Objects
) -> None:
    change(LARGE)

    delete_document(document.pk, owner=alice, actor=as_alice)

    assert (objects(), Payload.objects.count(), ObjectRemoval.objects.count()) == (set(), 0, 0)
    assert AuditEvent.objects.get(action="document.deleted").detail == {"versions": 1}


def test_what_a_store_does_not_take_back_now_is_removed_later(
    document: Document, change: Change, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(LARGE)

    class Down(MemoryProvider):
        def delete(self, key: str) -> None:
            raise StorageUnavailable("down", key=key)

    with monkeypatch.context() as patch:
        patch.setattr("documents.services.deletion.storage_provider", lambda *_: Down(name="memory"))
        change({})
    assert len(objects()) == 1
    assert sweep_removals() == 1
    assert objects() == set()


def test_a_name_is_made_plain(document: Document, change: Change) -> None:
    changed = change({"  Reference\n\x07 number \u202e": "a"})

    assert attributes_of(changed) == {"Reference number": "a"}


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"": 1}, PayloadInvalid),
        ({" \x00 ": 1}, PayloadInvalid),
        ({"a" * 101: 1}, PayloadInvalid),
        ({"a b": 1, "a  b": 2}, PayloadInvalid),
        ({1: 1}, PayloadInvalid),
        ({"a": float("nan")}, PayloadInvalid),
        ({"a": nested(10)}, PayloadTooDeep),
        ({"a": "x" * MAX_SIZE}, PayloadTooLarge),
        ({"a": "\x01" * (MAX_SIZE // 3)}, PayloadTooLarge),
        ({f"{number}": 1 for number in range(101)}, PayloadTooLarge),
    ],
)
def test_what_breaks_a_limit_is_refused_and_changes_nothing(
    document: Document, change: Change, objects: Objects, attributes: dict[Any, Any], error: type[Exception]
) -> None:
    change({"before": "b" * 2000})
    before = objects()

    with pytest.raises(error):
        change(attributes)

    document.refresh_from_db()
    assert attributes_of(document) == {"before": "b" * 2000}
    assert objects() == before


def test_the_largest_that_is_allowed_is_kept(document: Document, change: Change) -> None:
    wanted = {"a" * 100: "x" * (MAX_SIZE - 107)}

    assert attributes_of(change(wanted)) == wanted


def test_a_limit_that_was_lowered_since_hides_nothing(document: Document, change: Change, settings: Settings) -> None:
    wanted = {"inline": ["i" * 900] * 20, "sealed": "x" * 20_000}
    changed = change(wanted)
    settings.VAULT = replace(settings.VAULT, payloads=PayloadConfig(max_size=1, max_depth=1))

    assert attributes_of(changed) == wanted
    with pytest.raises(PayloadTooLarge):
        change({"a": "x"})


def test_only_the_owner_sets_and_renames(document: Document, bob: User, sam: User, objects: Objects) -> None:
    for somebody in (bob, sam, None):
        actor = Actor(somebody, "web")
        with pytest.raises(DocumentNotFound):
            set_attributes(document.pk, LARGE, owner=somebody, actor=actor)
        with pytest.raises(DocumentNotFound):
            rename_document(document.pk, "Mine", owner=somebody, actor=actor)
    document.refresh_from_db()
    assert (document.title, document.attributes, objects()) == ("Contract", {}, set())


def test_a_document_that_is_deleted_meanwhile_leaves_no_payload(
    document: Document,
    change: Change,
    alice: User,
    as_alice: Actor,
    objects: Objects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def seal_and_delete(*arguments: Any, **options: Any) -> Any:
        made = seal_value(*arguments, **options)
        delete_document(document.pk, owner=alice, actor=as_alice)
        return made

    monkeypatch.setattr("documents.services.attributes.seal_value", seal_and_delete)
    with pytest.raises(DocumentNotFound):
        change(LARGE)

    assert (objects(), Payload.objects.count()) == (set(), 0)


def test_a_commit_whose_answer_was_lost_keeps_its_payloads(
    document: Document, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = attributes_service._replace

    def lose_the_answer(*arguments: Any) -> Any:
        replace(*arguments)
        raise ConnectionError("the answer to COMMIT was lost")

    monkeypatch.setattr(attributes_service, "_replace", lose_the_answer)
    with pytest.raises(ConnectionError):
        change(LARGE)

    document.refresh_from_db()
    assert attributes_of(document) == LARGE


def test_an_error_inside_the_transaction_changes_nothing(
    document: Document, change: Change, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    change({"before": "b" * 2000})
    before = objects()
    monkeypatch.setenv("VAULT_FAILPOINT", "attributes.in-transaction:raise")

    with pytest.raises(FailpointReached):
        change(LARGE)

    document.refresh_from_db()
    assert attributes_of(document) == {"before": "b" * 2000}
    assert objects() == before


def test_a_reader_who_is_overtaken_gets_the_new_ones(document: Document, change: Change) -> None:
    read_before = change(LARGE)
    change({"abstract": "y" * 5000})

    assert attributes_of(read_before) == {"abstract": "y" * 5000}


def test_a_row_that_somebody_changed_is_refused_and_fetches_nothing(
    document: Document, change: Change, bob: User, store: Callable[..., Document]
) -> None:
    change(LARGE)
    stolen = Document.objects.get(pk=document.pk).attributes
    bobs = store(owner=bob)
    Document.objects.filter(pk=bobs.pk).update(attributes=stolen)

    bobs.refresh_from_db()
    with pytest.raises(PayloadUnreadable):
        attributes_of(bobs)


def test_a_documents_payload_is_no_other_apps_to_hydrate_or_release(document: Document, change: Change) -> None:
    stored, owner = change(LARGE).attributes, document.owner

    with pytest.raises(PayloadReferenceInvalid):
        hydrate(stored, attribution="reports", owner=owner)
    assert release(stored, attribution="documents", owner=owner) == 0
    assert Payload.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_it_is_refused(document: Document, change: Change) -> None:
    for attributes in (LARGE, {"small": 1}):
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            change(attributes)
    assert not Payload.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_ten_changes_at_once_leave_the_payloads_of_one(document: Document, change: Change, objects: Objects) -> None:
    in_parallel(lambda: change(LARGE))

    document.refresh_from_db()
    assert attributes_of(document) == LARGE
    assert Payload.objects.count() == len(objects()) == 1
    assert not ObjectRemoval.objects.exists()


def test_renaming_cleans_the_title_and_is_audited_once(document: Document, alice: User, as_alice: Actor) -> None:
    for title in ("  The lease\n\u202e ", "The lease"):
        assert rename_document(document.pk, title, owner=alice, actor=as_alice).title == "The lease"
    assert changes() == ["document.renamed"]
    assert "lease" not in str(list(AuditEvent.objects.values())), "the log keeps no names"
    assert rename_document(document.pk, " ", owner=alice, actor=as_alice).title == "payslip"
