"""Several stores of one vault: each has numbers of its own, and each is accepted by itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.storage_file import FailoverConfig, OwnConfig, StorageFile, StoreConfig
from documents.models import CollectedStore, StagedAttachment
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.collection import Wish, collect
from documents.services.epochs import EpochGuard, accept_database, check_current
from documents.services.staging import sweep_uploads
from documents.services.uploads import begin_upload
from documents.storage.forwarding import undecorated
from tests.documents.collecting import ClockedStore, keys_of

OPERATOR = Actor(None, "command")
Stores = dict[str, ClockedStore]
BOTH: tuple[str, StoreConfig] = ("both", FailoverConfig(("aaa", "bbb"), second_copy=False))


@pytest.fixture
def use(settings: Settings, tmp_path: Path, db: None) -> Iterator[Callable[..., Stores]]:
    """Make stores of these names the only ones of the vault; the first is for uploads."""

    def use(*names: str, more: tuple[tuple[str, StoreConfig], ...] = ()) -> Stores:
        own: list[tuple[str, StoreConfig]] = [
            (name, OwnConfig(f"{ClockedStore.__module__}.{ClockedStore.__qualname__}", options=())) for name in names
        ]
        settings.VAULT = replace(
            settings.VAULT,
            storage_type=more[0][0] if more else names[0],
            s3=None,
            local_storage_path=tmp_path / "not mounted",
            storage_file=StorageFile(stores=(*own, *more)),
        )
        wiring.reset()
        stores = {name: undecorated(wiring.store_itself(name)) for name in names}
        return {name: store for name, store in stores.items() if isinstance(store, ClockedStore)}

    yield use
    wiring.reset()


def refused() -> dict[str, bool]:
    return {report.store: bool(report.error) for report in collect(Wish())}


def counted() -> list[Any]:
    return list(CollectedStore.objects.values())


def restore(rows: list[Any]) -> None:
    CollectedStore.objects.all().delete()
    CollectedStore.objects.bulk_create(CollectedStore(**row) for row in rows)


def test_passes_over_another_store_bring_an_older_database_no_nearer(use: Callable[..., Stores]) -> None:
    """The disk was restored along with the database; the bucket is as it was."""
    disk = use("bucket", "disk")["disk"]
    for _ in range(3):
        collect(Wish())
    rows, objects = counted(), dict(disk._objects)
    for _ in range(5):
        collect(Wish())
    restore(rows)
    disk._objects.clear()
    disk._objects.update(objects)

    assert [refused() for _ in range(12)] == [{"bucket": True, "disk": False}] * 12
    assert not EpochGuard().allows("bucket")


def test_a_database_without_a_number_for_a_store_that_has_some_is_an_older_one(use: Callable[..., Stores]) -> None:
    use("aaa", "bbb")
    collect(Wish())
    CollectedStore.objects.filter(storage_type="bbb").delete()

    assert refused() == {"aaa": False, "bbb": True}


def test_one_store_is_accepted_and_no_other(use: Callable[..., Stores]) -> None:
    stores = use("aaa", "bbb")
    for _ in range(5):
        collect(Wish())
    CollectedStore.objects.update(epoch=2, written_epoch=2)
    assert refused() == {"aaa": True, "bbb": True}

    accept_database(stores["bbb"], OPERATOR)

    assert refused() == {"aaa": True, "bbb": False}


def test_a_bucket_may_go_by_two_names_and_by_a_new_one(use: Callable[..., Stores]) -> None:
    stores = use("aaa", "bbb")
    stores["bbb"]._objects = stores["aaa"]._objects
    assert [refused() for _ in range(3)] == [{"aaa": False, "bbb": False}] * 3
    objects, rows = stores["aaa"]._objects, counted()
    renamed = use("ccc")["ccc"]
    renamed._objects = objects
    assert [refused() for _ in range(3)] == [{"ccc": False}] * 3

    CollectedStore.objects.filter(storage_type__in=["aaa", "bbb"]).update(epoch=1)

    assert refused() == {"ccc": True}, "the numbers under its older names are asked for as well"
    accept_database(renamed, OPERATOR)
    assert refused() == {"ccc": False}
    assert len(rows) == 2


def test_accepting_a_new_bucket_lets_the_old_one_be_used_by_another_name(use: Callable[..., Stores]) -> None:
    old = use("aaa")["aaa"]._objects
    for _ in range(4):
        collect(Wish())
    stores = use("aaa", "archive")
    stores["archive"]._objects = old
    assert refused() == {"aaa": True, "archive": False}
    accept_database(stores["aaa"], OPERATOR)

    assert refused() == {"aaa": False, "archive": False}
    assert check_current(stores["aaa"]).stored == 5


def test_uploads_of_a_failover_end_only_where_every_member_is_current(
    use: Callable[..., Stores], alice: User, as_alice: Actor
) -> None:
    stores = use("aaa", "bbb", more=(BOTH,))
    collect(Wish())
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        staged = upload.finish()
    assert staged.storage_type == "both"
    StagedAttachment.objects.update(expires_at=database_now() - timedelta(seconds=1))
    rows = counted()
    CollectedStore.objects.filter(storage_type="bbb").update(epoch=0)

    assert sweep_uploads() == 0
    assert stores["aaa"].exists(staged.storage_path)
    restore(rows)
    CollectedStore.objects.filter(storage_type="aaa").update(epoch=2)
    assert sweep_uploads() == 1
    assert not stores["aaa"].exists(staged.storage_path)
    assert not any("/both/" in key for key in keys_of(stores["aaa"], "vault/"))
