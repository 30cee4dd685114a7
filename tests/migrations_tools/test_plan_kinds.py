"""The plan of a verification and of a purge: what would be read, and what would be deleted where."""

import pytest

from documents.errors import StorageUnavailable
from documents.models import Attachment
from documents.storage.base import StorageProvider
from migrations_tools import control
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.states import RunKind
from tests.conftest import Store
from tests.migrations_tools.commanding import dry_run, dry_run_json
from tests.migrations_tools.moving import OPERATOR, Stores, There, outcomes, run_to


@pytest.fixture
def moved(stores: Stores, store: Store) -> list[Attachment]:
    """Three documents that are there, with their sources kept; and one that is still here."""
    rows = [store(f"{number}".encode()).current_attachment() for number in range(3)]
    run_to(stores.there)
    store(b"still here")
    return rows


def test_of_a_verification_it_counts_what_would_be_read_and_writes_nothing_there(
    stores: Stores, moved: list[Attachment], there: StorageProvider
) -> None:
    size = sum(row.sealed_size for row in moved)
    before = {info.key for info in there.iter_locations()}

    status, told = dry_run(stores.there, "--verify")

    assert status == 0
    assert f"to be read at {stores.there}: 3 objects, {size:,} bytes" in told
    assert "the destination answers" in told
    assert "takes, gives back" not in told
    plan = dry_run_json(stores.there, "--verify", "--limit", "2")[1]
    assert (plan["kind"], plan["total"]["objects"], plan["needed_bytes"]) == ("verify", 2, 0)
    assert {info.key for info in there.iter_locations()} == before
    assert MigrationRun.objects.count() == 1


def test_of_a_purge_it_counts_what_would_be_deleted_and_deletes_nothing(
    stores: Stores, moved: list[Attachment], here: StorageProvider
) -> None:
    size = sum(row.sealed_size for row in moved)

    status, told = dry_run(stores.there, "--purge-source")

    assert status == 0
    assert f"to be purged from {stores.here}: 3 objects, {size:,} bytes" in told
    assert all(here.exists(row.storage_path) for row in moved)
    plan = dry_run_json(stores.there, "--purge-source", "--limit", "1")[1]
    assert (plan["kind"], plan["total"]["objects"]) == ("purge", 1)
    run_to(stores.there, kind=RunKind.PURGE)
    assert dry_run_json(stores.there, "--purge-source")[1]["total"]["objects"] == 0


def test_what_a_run_began_and_never_switched_to_is_purged_from_the_destination(
    stores: Stores, store: Store, moved: list[Attachment]
) -> None:
    MigrationItem.objects.filter(object_id=moved[0].pk).update(state="failed", source_state="", attempts=1)

    plan = dry_run_json(stores.there, "--purge-source")[1]

    assert {name: amount["objects"] for name, amount in plan["by_store"].items()} == {stores.here: 2, stores.there: 1}
    run = control.create(MigrationRun(destination=stores.there, kind=RunKind.PURGE), OPERATOR)
    complete_plan(run)
    assert sorted(run.items.values_list("source_type", flat=True)) == sorted([stores.here, stores.here, stores.there])


def test_a_run_that_has_what_would_be_purged_is_named(stores: Stores, moved: list[Attachment]) -> None:
    holder = control.create(MigrationRun(destination=stores.there, kind=RunKind.PURGE, max_items=1), OPERATOR)
    complete_plan(holder)

    status, told = dry_run(stores.there, "--purge-source")

    assert (status, f"REFUSED: run {holder.pk} has rows of this one" in told) == (1, True)
    assert dry_run(stores.there, "--verify")[0] == 0
    assert outcomes(holder) == {"pending": 1}


def test_what_was_kept_in_a_store_that_is_no_more_is_refused(stores: Stores, moved: list[Attachment]) -> None:
    MigrationItem.objects.filter(object_id=moved[0].pk).update(source_type="gone")

    plan = dry_run_json(stores.there, "--purge-source")[1]

    assert (plan["refused"], plan["total"]["objects"]) == ({"store-not-configured": 1}, 2)


@pytest.mark.parametrize("kind", ["--verify", "--purge-source"])
def test_a_store_that_does_not_answer_is_told(
    stores: Stores, moved: list[Attachment], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(provider: There, key: str) -> None:
        raise StorageUnavailable("Out of reach", provider=provider.name, key=key)

    monkeypatch.setattr(There, "exists", refuse)

    status, told = dry_run(stores.there, kind)

    assert (status, "FAILED: Out of reach" in told) == (1, True)
