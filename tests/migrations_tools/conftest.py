"""Two stores of one vault: ``here``, where this profile's documents go, and ``there``."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.storage_file import LocalConfig, OwnConfig, StorageFile
from documents.services.actors import Actor
from documents.storage.base import StorageProvider
from documents.storage.forwarding import undecorated
from migrations_tools import pace
from tests.conftest import PASSWORD
from tests.migrations_tools.moving import THERE, Stores
from tests.migrations_tools.operating import staff
from vault.celery import app

OPERATOR = Actor(user=None, via="command")


@pytest.fixture
def stores(settings: Settings, db: None) -> Iterator[Stores]:
    """Where documents go now, and a store in memory that they can be moved to. Sources may be purged at once."""
    own = OwnConfig("tests.migrations_tools.moving.There", options=())
    settings.VAULT = replace(
        settings.VAULT,
        storage_file=StorageFile(stores=((THERE, own),)),
        migration=replace(settings.VAULT.migration, grace=timedelta(0)),
    )
    pace._allowed.clear()  # on SQLite the runs of all tests have the same ids
    wiring.reset()
    wiring.store_itself(THERE)  # in memory it is made once: not by each of several threads that ask together
    yield Stores(settings.VAULT.storage_type, THERE)
    wiring.reset()


@pytest.fixture
def here(stores: Stores) -> StorageProvider:
    return undecorated(wiring.store_itself(stores.here))


@pytest.fixture
def there(stores: Stores) -> StorageProvider:
    return undecorated(wiring.store_itself(stores.there))


@pytest.fixture
def disk(stores: Stores, settings: Settings, tmp_path: Path) -> str:
    """A third store, on a disk that says how much room it has."""
    file = settings.VAULT.storage_file
    local = LocalConfig(tmp_path / "disk")
    settings.VAULT = replace(settings.VAULT, storage_file=replace(file, stores=(*file.stores, ("disk", local))))
    wiring.reset()
    return "disk"


@pytest.fixture
def clerk(db: None) -> User:
    """Staff, with every permission but those to look at runs and to operate them."""
    user = User.objects.create_user("clerk", "clerk@example.org", PASSWORD, is_staff=True)
    both = ("view_migrationrun", "change_migrationrun", "operate_migrationrun")
    user.user_permissions.set(Permission.objects.exclude(codename__in=both))
    return user


@pytest.fixture
def viewer(db: None) -> User:
    return staff("viewer", "view_migrationrun")


@pytest.fixture
def operator(db: None) -> User:
    return staff("operator", "operate_migrationrun")


@pytest.fixture
def broker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Messages go to the broker that the test names, and no worker takes them."""
    transport = dict(app.conf.broker_transport_options)
    monkeypatch.setenv("CELERY_BROKER_URL", request.param)  # Celery itself reads it before any setting
    _connect(task_always_eager=False, broker_transport_options={})
    yield
    _connect(task_always_eager=True, broker_transport_options=transport)


def _connect(**changes: object) -> None:
    app.conf.update(changes)
    app._pool = None  # type: ignore[attr-defined]  # both are made at their first use, for whatever is configured then
    app.amqp._producer_pool = None  # type: ignore[attr-defined]
