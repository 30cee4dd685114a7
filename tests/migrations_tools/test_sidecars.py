"""Newer key blocks beside an object, ``keyblocks/<id>.<n>``: moved and compared with it, and purged after it."""

from datetime import timedelta

import pytest

from documents.errors import StorageUnavailable
from documents.models import Attachment
from documents.services.sidecars import SIDECARS
from documents.storage.base import ObjectInfo, StorageProvider
from migrations_tools import attempts
from migrations_tools.models import MigrationRun
from migrations_tools.states import RunKind, RunState
from tests.conftest import Store
from tests.migrations_tools.moving import Stores, is_whole, item_of, outcomes, run_to


def sidecars(provider: StorageProvider, row: Attachment) -> dict[str, bytes]:
    return {info.key: provider.get(info.key) for info in provider.iter_locations(f"{SIDECARS}{row.pk}.")}


def add_sidecars(provider: StorageProvider, row: Attachment, *numbers: int) -> dict[str, bytes]:
    for number in numbers:
        provider.put_bytes(f"{SIDECARS}{row.pk}.{number}", f"key block {number} of {row.pk}".encode())
    return sidecars(provider, row)


def purge(stores: Stores) -> MigrationRun:
    return run_to(stores.there, kind=RunKind.PURGE)


def test_they_move_with_their_object_and_are_purged_with_the_source(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    rows = [store(f"{number}".encode()).current_attachment() for number in range(3)]
    added = [add_sidecars(here, row, *range(1, 1 + number)) for number, row in enumerate(rows)]
    assert [len(each) for each in added] == [0, 1, 2]

    assert outcomes(run_to(stores.there)) == {"done": 3}
    assert [sidecars(there, row) for row in rows] == [sidecars(here, row) for row in rows] == added

    assert outcomes(purge(stores)) == {"done": 3}
    assert [sidecars(there, row) for row in rows] == added
    assert list(here.iter_locations(SIDECARS)) == []


def test_another_key_block_at_the_destination_is_told_and_nothing_is_switched(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = store().current_attachment()
    add_sidecars(here, row, 1)
    there.put_bytes(f"{SIDECARS}{row.pk}.1", b"another")

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.FAILED, {"failed:destination-taken": 1})
    assert SIDECARS in item_of(run, row).detail
    assert sidecars(there, row) == {f"{SIDECARS}{row.pk}.1": b"another"}
    assert is_whole(row)
    assert row.storage_type == stores.here


def test_what_is_there_already_and_equal_is_taken(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = store().current_attachment()
    assert add_sidecars(here, row, 1) == add_sidecars(there, row, 1)

    assert outcomes(run_to(stores.there)) == {"done": 1}


def test_one_that_was_written_to_the_source_late_is_copied_before_it_is_purged(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = store().current_attachment()
    run_to(stores.there)
    late = add_sidecars(here, row, 1)

    assert outcomes(purge(stores)) == {"done": 1}

    assert sidecars(there, row) == late
    assert sidecars(here, row) == {}
    assert not here.exists(row.storage_path)


def test_a_source_stays_where_its_key_block_was_damaged_at_the_destination(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = store().current_attachment()
    kept = add_sidecars(here, row, 1)
    run_to(stores.there)
    there.delete(f"{SIDECARS}{row.pk}.1")
    there.put_bytes(f"{SIDECARS}{row.pk}.1", b"damaged")

    assert outcomes(purge(stores)) == {"failed:destination-taken": 1}

    assert sidecars(here, row) == kept
    assert here.exists(row.storage_path)


def test_a_source_that_does_not_say_at_once_whether_it_has_any_is_asked_again(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", timedelta())
    row, listed, left = store().current_attachment(), type(here).iter_locations, [True]
    added = add_sidecars(here, row, 1)

    def failing(self: StorageProvider, prefix: str = "") -> "list[ObjectInfo]":
        if self.name == here.name and left:
            left.clear()
            raise StorageUnavailable("SlowDown", provider=here.name)
        return list(listed(self, prefix))

    monkeypatch.setattr(type(here), "iter_locations", failing)

    run = run_to(stores.there)

    assert (run.state, outcomes(run), left) == (RunState.SUCCEEDED, {"done": 1}, [])
    assert sidecars(there, row) == added
