"""What tests of adopting stand on: the older vault's key is configured, and a directory has its documents."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.legacy import LegacyConfig
from tests.adopting.older import lay_envelope, older_key_of
from tests.legacy.making import pem_of_older


@pytest.fixture(autouse=True)
def with_older_key(settings: Settings, fresh_storage: None) -> Iterator[None]:
    settings.VAULT = replace(settings.VAULT, legacy=LegacyConfig(key_pem=pem_of_older()))
    wiring.reset()
    yield
    wiring.reset()


@pytest.fixture
def older(tmp_path: Path, alice: User) -> Path:
    """A directory with one document of Alice's."""
    root = tmp_path / "older"
    lay_envelope(root, older_key_of(alice))
    return root
