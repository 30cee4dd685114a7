"""Rebuilding a database with the private keys in an unwrap service that limits."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from documents.key_rings import key_ring
from documents.services.actors import Actor
from documents.services.rebuilding import Rebuilding
from documents.storage.base import StorageProvider
from tests.conftest import Store
from tests.keyservice.serving import unwrap_service
from tests.keyservice.test_rotation import use
from tests.recovery.database.losing import lose_database

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 8


def test_a_rate_limit_is_waited_for_and_stops_no_rebuild(
    settings: Settings, tmp_path: Path, store: Store, provider: StorageProvider
) -> None:
    with unwrap_service(tmp_path / "service", VAULT_UNWRAP_RATE="10", VAULT_UNWRAP_BURST="2") as service:
        use(settings, tmp_path / "public", service)
        for number in range(COUNT):
            store(b"%d" % number)
        lose_database()

        report = Rebuilding([provider], key_ring(), Actor(None, "command")).rebuild()

        assert (dict(report.counts), report.withheld) == ({"added": COUNT}, "")
        assert "limited" in service.outcomes()
