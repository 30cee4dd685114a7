"""What killed processes left in stores is removed, and what is still alive is spared."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest
from pytest_django.fixtures import Settings

from documents.errors import StorageUnavailable
from documents.models import Sighting
from documents.models.clock import database_now
from documents.services.unfinished import sweep_unfinished
from documents.storage.base import ObjectInfo
from documents.storage.memory import MemoryProvider
from tests.documents.collecting import ORPHAN


def test_leftovers_are_removed_from_every_store_also_where_one_is_down(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAULT = replace(settings.VAULT, upload_lease=timedelta())
    down, sound = MemoryProvider(), MemoryProvider()
    sound.create_multipart(ORPHAN)

    def refuse(**_options: object) -> NoReturn:
        raise StorageUnavailable("down")

    monkeypatch.setattr(down, "remove_unfinished", refuse)
    monkeypatch.setattr("documents.services.unfinished.configured_providers", lambda: [down, sound])
    assert sweep_unfinished() == 1
    assert list(sound.iter_multiparts()) == []


def test_what_no_upload_began_has_a_day(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another app that stores a large file, the collector that copies one to the trash and back."""
    settings.VAULT = replace(settings.VAULT, upload_lease=timedelta())
    store = MemoryProvider()
    monkeypatch.setattr("documents.services.unfinished.configured_providers", lambda: [store])
    going_back = ORPHAN.replace("1111-", "0002-")
    Sighting.objects.create(storage_type="memory", storage_path=going_back, size=1, first_seen_at=database_now())
    alive = sorted(["files/a.vlt", f"trash/{ORPHAN}", "check/a", "vault/v/epochs/local/1", going_back])
    for key in (ORPHAN, *alive):
        store.create_multipart(key)

    assert sweep_unfinished() == 1
    assert sorted(key for key, _, _ in store.iter_multiparts()) == alive
    settings.VAULT = replace(settings.VAULT, collection=replace(settings.VAULT.collection, grace=timedelta()))
    assert sweep_unfinished() == 5


def test_what_a_check_left_has_a_day(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    store, listed = MemoryProvider(), MemoryProvider.iter_locations
    for key in ("check/old", "check/new", ORPHAN):
        store.put_bytes(key, b"x")

    def aged(self: MemoryProvider, prefix: str = "") -> Iterator[ObjectInfo]:
        for info in listed(self, prefix):
            yield replace(info, modified_at=info.modified_at - timedelta(days=30 * (info.key != "check/new")))

    monkeypatch.setattr(MemoryProvider, "iter_locations", aged)
    monkeypatch.setattr("documents.services.unfinished.configured_providers", lambda: [store])

    assert sweep_unfinished() == 1
    assert {info.key for info in listed(store, "")} == {"check/new", ORPHAN}
