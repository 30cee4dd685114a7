"""``migrate_documents_to_storage --dry-run``: what would be done, what would be refused and why; nothing is changed."""

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from documents.errors import StorageAccessDenied
from documents.models import Attachment
from documents.storage.base import StorageProvider
from migrations_tools import control
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import complete_plan
from tests.conftest import Store
from tests.migrations_tools.commanding import dry_run, dry_run_json
from tests.migrations_tools.moving import OPERATOR, Stores, There, run_to


def test_it_counts_what_would_be_moved_and_changes_nothing(
    stores: Stores, store: Store, there: StorageProvider
) -> None:
    store(b"one")
    rows = [store(bytes(1000)).current_attachment() for _ in range(2)]
    size = sum(Attachment.objects.values_list("sealed_size", flat=True))
    assert rows[0].sealed_size > 1000

    status, told = dry_run(stores.there)

    assert status == 0
    assert f"from {stores.here}: 3 objects, {size:,} bytes" in told
    assert f"together: 3 objects, {size:,} bytes" in told
    assert "there already: 0 objects, 0 bytes" in told
    assert "the destination takes, gives back and deletes objects" in told
    assert not MigrationRun.objects.exists()
    assert list(there.iter_locations()) == []


def test_its_json_has_every_figure_and_a_version(stores: Stores, store: Store) -> None:
    for number in range(3):
        store(f"{number}".encode())
    run_to(stores.there, max_items=1)
    sizes = {True: 0, False: 0}
    for row in Attachment.objects.all():
        sizes[row.storage_type == stores.there] += row.sealed_size

    assert dry_run_json(stores.there) == (
        0,
        {
            "schema_version": 1,
            "kind": "copy",
            "destination": stores.there,
            "limit": None,
            "total": {"objects": 2, "size": sizes[False]},
            "by_store": {stores.here: {"objects": 2, "size": sizes[False]}},
            "largest": max(Attachment.objects.values_list("sealed_size", flat=True)),
            "already_there": {"objects": 1, "size": sizes[True]},
            "kept_there": {"objects": 0, "size": 0},
            "refused": {},
            "held_by_run": None,
            "needed_bytes": sizes[False],
            "free_bytes": None,
            "destination_problem": None,
        },
    )


def test_what_would_be_refused_is_told_with_its_reason_and_the_rest_can_go(stores: Stores, store: Store) -> None:
    gone, without, _good = (store(f"{number}".encode()).current_attachment() for number in range(3))
    Attachment.objects.filter(pk=gone.pk).update(storage_type="gone")
    Attachment.objects.filter(pk=without.pk).update(digest="")

    status, plan = dry_run_json(stores.there)
    assert (status, plan["refused"]) == (0, {"store-not-configured": 1, "no-digest": 1})
    assert plan["total"]["objects"] == 1
    told = dry_run(stores.there)[1]
    assert "REFUSED: 1 objects. The store of its row is not configured here." in told
    assert "REFUSED: 1 objects. Its row has no digest to compare a copy with." in told


def test_a_run_that_has_the_rows_is_named(stores: Stores, store: Store, alice: User, bob: User) -> None:
    store()
    holder = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(holder)

    status, told = dry_run(stores.there)
    assert status == 1
    assert f"REFUSED: run {holder.pk} has rows of this one" in told
    assert dry_run_json(stores.there)[1]["held_by_run"] == holder.pk
    assert dry_run(stores.there, "--user", "bob")[0] == 0
    assert MigrationItem.objects.count() == 1


def test_a_destination_that_refuses_is_found_out(stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store()

    def refuse(_self: There, key: str, *_more: object) -> None:
        raise StorageAccessDenied("Not for you", provider="there", key=key, hint="Allow s3:PutObject")

    for name in ("put_bytes", "put_stream", "open_writer"):
        monkeypatch.setattr(There, name, refuse)

    status, told = dry_run(stores.there)
    assert status == 1
    assert "FAILED: " in told
    assert "Not for you" in told
    status, plan = dry_run_json(stores.there)
    assert (status, "Not for you" in plan["destination_problem"]) == (1, True)


def test_it_is_narrowed_as_the_run_would_be(stores: Stores, store: Store, bob: User) -> None:
    for number in range(2):
        store(f"{number}".encode())
    store(b"his", owner=bob)
    old = Attachment.objects.filter(document__owner=bob)
    old.update(created_at="2020-02-03T04:05:06Z")

    for narrowed, count in (
        ((), 3),
        (("--user", "bob"), 1),
        (("--user", "alice"), 2),
        (("--since", "2020-02-04"), 2),
        (("--since", "2020-02-03"), 3),
        (("--since", "2020-02-03T04:05:06"), 3),
        (("--since", "2020-02-03T04:05:07"), 2),
        (("--since", "2020-02-03T05:05:06+01:00"), 3),
        (("--since", "2020-02-03T03:05:07-01:00"), 2),
        (("--user", "bob", "--since", "2021-01-01"), 0),
    ):
        assert dry_run_json(stores.there, *narrowed)[1]["total"]["objects"] == count, narrowed


def test_its_plan_goes_into_a_file(stores: Stores, store: Store, tmp_path: Path) -> None:
    store()
    path = tmp_path / "plan.json"

    assert dry_run(stores.there, "--format", "json", "--output", str(path)) == (0, "")

    assert json.loads(path.read_text())["total"]["objects"] == 1
