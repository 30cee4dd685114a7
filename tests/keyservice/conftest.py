"""A running unwrap service, and a vault that asks it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from documents import key_rings
from tests.keyservice.serving import Service, public_sources, unwrap_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """It holds the private half of the primary KEK."""
    with unwrap_service(tmp_path / "service") as found:
        yield found


@pytest.fixture
def tier(settings: Settings, tmp_path: Path, service: Service) -> Iterator[Service]:
    """This process has public keys alone, and asks the service."""
    settings.VAULT = replace(settings.VAULT, keys=public_sources(tmp_path / "public", service))
    key_rings.reset()
    yield service
    key_rings.reset()
