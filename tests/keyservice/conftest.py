"""A running unwrap service, and a vault that asks it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.encryption.vectors import keys
from tests.keyservice.serving import Service, public_sources, unwrap_service
from tests.services.fake_kms import FakeKms, fake_kms


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


@pytest.fixture(scope="module")
def kms_server() -> Iterator[FakeKms]:
    with fake_kms({name: keys.KEKS[name] for name in ("primary", "stranger")}) as found:
        yield found


@pytest.fixture
def kms(kms_server: FakeKms, monkeypatch: pytest.MonkeyPatch) -> FakeKms:
    """With credentials in the environment, as a machine may have them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-canary")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    kms_server.failing.clear()
    kms_server.refusing.clear()
    kms_server.asked.clear()
    return kms_server
