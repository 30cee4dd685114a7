"""What tests of adopting stand on: the older vault's key is configured, and a directory has its documents."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.legacy import LegacyConfig
from documents.models import Attachment
from documents.storage.base import StorageProvider
from tests.adopting.older import (
    CONTENT,
    adopt,
    counts_of,
    lay_envelope,
    older_key_of,
    only_attachment,
    put_envelope,
)
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


@pytest.fixture
def envelope(provider: StorageProvider, alice: User) -> bytes:
    """An older document of Alice's in the vault's own store, as it lies there."""
    return put_envelope(provider, older_key_of(alice), CONTENT)


@pytest.fixture
def in_place(settings: Settings, envelope: bytes) -> Attachment:
    """The same, registered to be read where it is."""
    answer = adopt(settings.VAULT.storage_type, "--in-place")
    assert counts_of(answer) == {"registered": 1}
    return only_attachment()
