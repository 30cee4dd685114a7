"""Kept sources: moved back to by a change of rows, purged after a second look, and never the only copy."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf import MigrationConfig
from documents.conf.storage_file import FailoverConfig
from documents.errors import ObjectNotFound, StorageUnavailable
from documents.models import Document
from documents.storage.base import ObjectRef, StorageProvider
from migrations_tools import attempts, control, leases, runner
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.pace import Pace
from migrations_tools.places import Places
from migrations_tools.plan import complete_plan
from migrations_tools.purging import PurgeWork
from migrations_tools.states import RunKind, RunState, SourceState
from tests.migrations_tools.moving import OPERATOR, Stores, is_whole, item_of, outcomes, run_to

Store = Callable[..., Document]


def purge(destination: str) -> MigrationRun:
    return run_to(destination, kind=RunKind.PURGE)


def test_moving_back_writes_nothing(
    stores: Stores, store: Store, here: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = store().current_attachment()
    run_to(stores.there)
    before = here.head(row.storage_path)
    committed: list[ObjectRef] = []
    put = type(here).put_stream

    def counted(self: StorageProvider, key: str, chunks: object) -> ObjectRef:
        committed.append(ref := put(self, key, chunks))  # type: ignore[arg-type]
        return ref

    monkeypatch.setattr(type(here), "put_stream", counted)

    back = run_to(stores.here)

    assert outcomes(back) == {"done": 1}
    assert committed == []
    assert here.head(row.storage_path) == before
    assert is_whole(row)
    assert MigrationItem.objects.get(source_type=stores.here).source_state == SourceState.RECLAIMED


def test_a_kept_copy_that_was_damaged_is_not_moved_back_to(stores: Stores, store: Store, here: StorageProvider) -> None:
    row = store().current_attachment()
    run_to(stores.there)
    here.delete(row.storage_path)
    here.put_bytes(row.storage_path, b"damaged")

    assert outcomes(run_to(stores.here)) == {"failed:destination-taken": 1}
    row.refresh_from_db()
    assert row.storage_type == stores.there
    assert is_whole(row)


def test_a_source_stays_until_its_grace_is_over(
    stores: Stores, store: Store, here: StorageProvider, settings: Settings
) -> None:
    row = store().current_attachment()
    run_to(stores.there)
    settings.VAULT = replace(settings.VAULT, migration=MigrationConfig(grace=timedelta(hours=1)))

    assert outcomes(purge(stores.there)) == {}
    assert here.exists(row.storage_path)


def test_a_purge_deletes_what_was_verified_again(stores: Stores, store: Store, here: StorageProvider) -> None:
    rows = [store(f"{number}".encode()).current_attachment() for number in range(4)]
    run_to(stores.there)

    run = purge(stores.there)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 4})
    assert not any(here.exists(row.storage_path) for row in rows)
    assert all(is_whole(row) for row in rows)
    assert outcomes(purge(stores.there)) == {}


def test_a_destination_that_was_damaged_since_keeps_its_source(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = store().current_attachment()
    run_to(stores.there)
    there.delete(row.storage_path)
    there.put_bytes(row.storage_path, b"damaged")

    run = purge(stores.there)

    assert (run.state, outcomes(run)) == (RunState.FAILED, {"failed:copy-damaged": 1})
    assert here.exists(row.storage_path)


def test_a_source_that_is_in_use_again_is_never_purged(stores: Stores, store: Store, here: StorageProvider) -> None:
    row = store().current_attachment()
    run_to(stores.there)
    run_to(stores.here)

    assert outcomes(purge(stores.there)) == {}
    assert is_whole(row)
    # Without the mark of the run that moved it back, the row itself still has the last word.
    MigrationItem.objects.filter(source_type=stores.here).update(source_state=SourceState.KEPT)
    assert outcomes(purge(stores.there)) == {"skipped:in-use-again": 1}
    assert is_whole(row)


def test_what_was_kept_of_a_deleted_document_goes(stores: Stores, store: Store, here: StorageProvider) -> None:
    document = store()
    row = document.current_attachment()
    run_to(stores.there)
    document.delete()

    assert outcomes(purge(stores.there)) == {"done": 1}
    assert not here.exists(row.storage_path)


def test_a_key_that_was_purged_is_never_written_again(stores: Stores, store: Store, here: StorageProvider) -> None:
    row = store().current_attachment()
    earlier = row.storage_path
    run_to(stores.there)
    purge(stores.there)

    back = run_to(stores.here)

    row.refresh_from_db()
    assert row.storage_path == earlier.replace(".vlt", f"_m{back.pk}.vlt")
    assert is_whole(row)
    here.delete(earlier)  # a process that stood still in its deletion goes on
    assert is_whole(row)


def test_two_names_of_one_store_are_told_apart_before_anything_is_deleted(
    stores: Stores, store: Store, settings: Settings, here: StorageProvider
) -> None:
    row = store().current_attachment()
    both = FailoverConfig((stores.here, stores.there), second_copy=False)
    file = settings.VAULT.storage_file
    settings.VAULT = replace(settings.VAULT, storage_file=replace(file, stores=(*file.stores, ("both", both))))
    wiring.reset()
    assert outcomes(run_to("both")) == {"done": 1}

    assert outcomes(purge("both")) == {"skipped:one-place": 1}
    assert is_whole(row)
    assert here.exists(row.storage_path)


def test_without_the_probe_the_only_copy_would_go(
    stores: Stores, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above."""
    row = store().current_attachment()
    both = FailoverConfig((stores.here, stores.there), second_copy=False)
    file = settings.VAULT.storage_file
    settings.VAULT = replace(settings.VAULT, storage_file=replace(file, stores=(*file.stores, ("both", both))))
    wiring.reset()
    run_to("both")
    monkeypatch.setattr("migrations_tools.places.Places.are_one", lambda *_stores: False)

    assert outcomes(purge("both")) == {"done": 1}
    with pytest.raises(ObjectNotFound):
        is_whole(row)


def test_a_verification_finds_what_differs_and_changes_nothing(
    stores: Stores, store: Store, there: StorageProvider
) -> None:
    good, bad, lost = (store(f"{number}".encode()).current_attachment() for number in range(3))
    run_to(stores.there)
    there.delete(bad.storage_path)
    there.put_bytes(bad.storage_path, b"damaged")
    there.delete(lost.storage_path)

    run = run_to(stores.there, kind=RunKind.VERIFY)

    assert (run.state, outcomes(run)) == (
        RunState.FAILED,
        {"done": 1, "failed:copy-damaged": 1, "failed:object-not-found": 1},
    )
    assert item_of(run, good).state == "done"
    assert there.get(bad.storage_path) == b"damaged"


def test_a_deletion_that_failed_once_is_made_again_before_it_is_told_as_done(
    stores: Stores, store: Store, here: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, delete, left = store().current_attachment(), type(here).delete, [1]
    run_to(stores.there)

    def failing(self: StorageProvider, key: str) -> None:
        if key == row.storage_path and left[0]:
            left[0] -= 1
            raise StorageUnavailable("SlowDown", provider=stores.here)
        delete(self, key)

    monkeypatch.setattr(type(here), "delete", failing)
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", timedelta(0))

    run = purge(stores.there)

    assert (run.state, outcomes(run), left) == (RunState.SUCCEEDED, {"done": 1}, [0])
    assert not here.exists(row.storage_path)


def test_a_row_is_not_moved_back_to_what_is_being_purged(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    """The purge marked it after the run that moves back had planned the old key."""
    row = store().current_attachment()
    run_to(stores.there)
    back = control.create(MigrationRun(destination=stores.here), OPERATOR)
    complete_plan(back)
    MigrationItem.objects.filter(source_state=SourceState.KEPT).update(source_state=SourceState.PURGING)

    runner.work_on(back.pk)

    assert outcomes(back) == {"failed:purged-meanwhile": 1}
    row.refresh_from_db()
    assert row.storage_type == stores.there
    assert is_whole(row)


def test_a_purge_that_lost_its_lease_marks_nothing(stores: Stores, store: Store, here: StorageProvider) -> None:
    row = store().current_attachment()
    run_to(stores.there)
    run = control.create(MigrationRun(destination=stores.there, kind=RunKind.PURGE), OPERATOR)
    control.begin(run)
    complete_plan(run)
    work = PurgeWork(run, Places(), Pace(threads=1))
    token, items = leases.take_items(run, 1, lease=timedelta(minutes=1))
    [step] = work.begin(token, items)
    step.call()
    run.items.update(lease_until=run.created_at)
    leases.take_items(run, 1, lease=timedelta(minutes=1))  # another worker takes it over

    with transaction.atomic():
        assert work.settle(token, [step]) == []

    assert MigrationItem.objects.get(source_state=SourceState.KEPT).object_id == row.pk
    assert here.exists(row.storage_path)
