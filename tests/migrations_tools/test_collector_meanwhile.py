"""The collector passes over both stores while a run moves objects, and takes nothing that anybody may need."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.services.actors import Actor
from documents.services.collection import collect
from documents.services.deletion import delete_document
from documents.services.payloads import dehydrate
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from migrations_tools.states import RunKind
from tests.conftest import Store
from tests.migrations_tools.moving import Stores, is_whole, outcomes, run_to
from tests.migrations_tools.test_people_at_work import MOMENTS


@pytest.fixture(autouse=True)
def no_grace(settings: Settings, stores: Stores) -> None:
    """What is needed by nobody goes to the trash at the second look."""
    settings.VAULT = replace(settings.VAULT, collection=replace(settings.VAULT.collection, grace=timedelta(0)))
    wiring.reset()


@pytest.fixture
def there(stores: Stores, no_grace: None) -> StorageProvider:
    return wiring.store_itself(stores.there)


@pytest.fixture
def here(stores: Stores, no_grace: None) -> StorageProvider:
    return wiring.store_itself(stores.here)


def objects_in(*stores: StorageProvider) -> set[tuple[str, str]]:
    prefixes = ("documents/", "payloads/", "keyblocks/")
    return {(each.name, info.key) for each in stores for prefix in prefixes for info in each.iter_locations(prefix)}


def assert_nothing_needed_goes(here: StorageProvider, there: StorageProvider) -> None:
    """Two looks and one more; what nobody needs goes at the same time, so the collector was at work."""
    orphan = f"documents/user_1/2026/01/02/{uuid4()}.vlt"
    there.put_bytes(orphan, b"left over")
    before = objects_in(here, there)
    for _ in range(3):
        reports = collect()
        assert [report.error for report in reports if report.error] == []
    # Copies may have come meanwhile.
    assert before - objects_in(here, there) == {(there.name, orphan)}


def fill(store: Store, alice: User, as_alice: Actor, here: StorageProvider) -> None:
    row = store(b"a document").current_attachment()
    here.put_bytes(f"keyblocks/{row.pk}.1", b"a newer key block")
    with begin_upload(owner=alice, filename="a.pdf", content_type="", actor=as_alice) as upload:
        upload.write(b"waits to be confirmed")
        upload.finish()
    dehydrate("x" * 5000, owner=alice, attribution="test")


def test_before_between_and_after_runs_nothing_goes_that_is_needed_or_kept(
    stores: Stores, store: Store, alice: User, as_alice: Actor, here: StorageProvider, there: StorageProvider
) -> None:
    fill(store, alice, as_alice, here)
    for destination, kind in ((stores.there, RunKind.COPY), (stores.there, RunKind.PURGE), (stores.here, RunKind.COPY)):
        assert outcomes(run_to(destination, kind=kind)) == {"done": 3}
        assert_nothing_needed_goes(here, there)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_pass_in_the_middle_of_a_run_takes_no_copy_whose_row_is_not_switched(
    stores: Stores,
    store: Store,
    alice: User,
    as_alice: Actor,
    here: StorageProvider,
    there: StorageProvider,
    monkeypatch: pytest.MonkeyPatch,
    moment: Callable[..., None],
) -> None:
    fill(store, alice, as_alice, here)
    moment(monkeypatch, lambda: assert_nothing_needed_goes(here, there))

    assert outcomes(run_to(stores.there)) == {"done": 3}


def test_the_kept_source_of_a_deleted_document_goes_with_the_collector_too(
    stores: Stores, store: Store, alice: User, as_alice: Actor, here: StorageProvider, there: StorageProvider
) -> None:
    """Nobody has to purge before a deleted document is gone: no row needs what was kept of it."""
    document, stays = store(b"goes"), store(b"stays").current_attachment()
    key = document.current_attachment().storage_path
    run_to(stores.there)
    delete_document(document.pk, owner=alice, actor=as_alice)
    assert here.exists(key)

    for _ in range(3):
        collect()

    assert not here.exists(key)
    assert is_whole(stays)
    assert outcomes(run_to(stores.there, kind=RunKind.PURGE)) == {"done": 2}
