"""A key directory of the test's own, whose keys may be made primary, retired and destroyed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.conf import KeySources
from documents.encryption.vectors.keys import kek_id
from documents.keysources import OLDER
from documents.services.actors import Actor
from tests.keyring import write_keys
from tests.upkeep.keys import NEW_PRIMARY, add_key

OPERATOR = Actor(user=None, via="command")


@pytest.fixture
def keys(settings: Settings, tmp_path: Path) -> Iterator[KeySources]:
    """The keys of this vault: the usual two, and in ``older/`` the stranger's, which waits to become primary."""
    directory = write_keys(tmp_path / "keys")
    (directory / OLDER).mkdir()
    add_key(directory / OLDER / "waiting.pem", NEW_PRIMARY)
    settings.VAULT = replace(settings.VAULT, keys=KeySources(directory))
    key_rings.reset()
    yield settings.VAULT.keys
    key_rings.reset()


@pytest.fixture
def operator() -> Actor:
    return OPERATOR


@pytest.fixture
def old_primary() -> str:
    return kek_id("primary").hex()


@pytest.fixture
def new_primary() -> str:
    return kek_id(NEW_PRIMARY).hex()
