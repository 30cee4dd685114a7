"""What tests of the collector stand on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.storage_file import OwnConfig, StorageFile
from documents.storage.forwarding import undecorated
from tests.documents.collecting import DAY, ORPHAN, ClockedStore, heard_of
from tests.documents.collecting_world import World
from tests.documents.configuring import Configure, configured_by
from tests.documents.overlapping import ARCHIVE, BUCKET, STORAGE_FILE, Stores


@pytest.fixture
def in_memory(settings: Settings, tmp_path: Path, db: None) -> Iterator[Callable[[type[ClockedStore]], ClockedStore]]:
    """Make a store of this class the only one of the vault."""

    def use(kind: type[ClockedStore]) -> ClockedStore:
        own = OwnConfig(f"{kind.__module__}.{kind.__qualname__}", options=())
        settings.VAULT = replace(
            settings.VAULT,
            storage_type="memory",
            s3=None,
            local_storage_path=tmp_path / "not mounted",
            storage_file=StorageFile(stores=(("memory", own),)),
        )
        wiring.reset()
        store = undecorated(wiring.storage_provider())
        assert isinstance(store, ClockedStore)
        return store

    yield use
    wiring.reset()


@pytest.fixture
def clocked(in_memory: Callable[[type[ClockedStore]], ClockedStore]) -> ClockedStore:
    """The only store of the vault, in memory."""
    return in_memory(ClockedStore)


@pytest.fixture
def overlapping(settings: Settings, tmp_path: Path, db: None) -> Iterator[Stores]:
    """Two stores in memory, the only ones of the vault, one inside the other. Payloads are put into the inner one."""
    settings.VAULT = replace(
        settings.VAULT,
        storage_type=ARCHIVE,
        s3=None,
        local_storage_path=tmp_path / "not mounted",
        storage_file=STORAGE_FILE,
    )
    wiring.reset()
    bucket, archive = (undecorated(wiring.storage_provider(name)) for name in (BUCKET, ARCHIVE))
    assert isinstance(bucket, ClockedStore)
    assert isinstance(archive, ClockedStore)
    yield Stores(bucket, archive)
    wiring.reset()


@pytest.fixture
def make_world(overlapping: Stores, alice: User) -> Iterator[Callable[[], World]]:
    """Make a world of the model test anew; there is one at a time."""
    yield lambda: World(overlapping, alice)
    World.end()


@pytest.fixture
def orphan(clocked: ClockedStore) -> str:
    """An object that no row needs, old enough to be seen, of which this database has heard."""
    clocked.put_bytes(ORPHAN, b"left over")
    clocked.grow_older(2 * DAY)
    heard_of(ORPHAN)
    return ORPHAN


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Read a configuration out of these variables alone."""
    return lambda **variables: configured_by(tmp_path, variables)
