"""Where the object store fails, a local copy of the same object is served: never another one, and not in silence."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.storage_file import OwnConfig, StorageFile
from documents.errors import DocumentUnreadable, StorageAccessDenied, StorageError, StorageUnavailable
from documents.models import Attachment, Document
from documents.services.object_storage import ObjectStorageService
from documents.storage.base import StorageProvider
from documents.storage.forwarding import undecorated
from tests.conftest import Store
from tests.storage.breakable import Breakable

pytestmark = pytest.mark.django_db(transaction=True)

BODY = bytes(range(256)) * 1000


@pytest.fixture
def far(settings: Settings) -> Breakable:
    """The store for new documents."""
    file = StorageFile(stores=(("far", OwnConfig("tests.storage.breakable.Breakable", ())),))
    settings.VAULT = replace(settings.VAULT, storage_type="far", storage_file=file)
    wiring.reset()
    provider = undecorated(wiring.storage_provider("far"))
    assert isinstance(provider, Breakable)
    return provider


@pytest.fixture
def document(far: Breakable, store: Store) -> Document:
    return store(BODY)


@pytest.fixture
def attachment(document: Document) -> Attachment:
    return document.current_attachment()


@pytest.fixture
def local(attachment: Attachment, far: Breakable, settings: Settings) -> StorageProvider:
    """The local disk, with a copy."""
    settings.VAULT.local_storage_path.mkdir(exist_ok=True)
    provider = wiring.store_itself("local")
    provider.put_bytes(attachment.storage_path, far.get(attachment.storage_path))
    return provider


def read(user: User, document: Document) -> bytes:
    with ObjectStorageService(user).retrieve(document.id) as download:
        return b"".join(map(bytes, download))


def served() -> float:
    return REGISTRY.get_sample_value("storage_served_copies_total", {"provider": "local"}) or 0


@pytest.mark.parametrize("fault", [StorageUnavailable("down"), StorageAccessDenied("no credentials")])
def test_a_store_that_fails_is_read_from_the_copy(
    alice: User, document: Document, far: Breakable, local: StorageProvider, fault: StorageError
) -> None:
    before = served()
    far.fault = fault
    assert read(alice, document) == BODY
    assert served() == before + 1
    far.fault = None


def test_an_object_that_the_store_lost_is_read_from_the_copy(
    alice: User, document: Document, attachment: Attachment, far: Breakable, local: StorageProvider
) -> None:
    far.delete(attachment.storage_path)
    assert read(alice, document) == BODY


def test_another_object_under_the_same_key_is_not_served(
    alice: User, document: Document, attachment: Attachment, far: Breakable, local: StorageProvider
) -> None:
    local.delete(attachment.storage_path)
    local.put_bytes(attachment.storage_path, b"another object")
    before = served()
    far.fault = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable):
        read(alice, document)
    far.fault = None
    far.delete(attachment.storage_path)
    with pytest.raises(DocumentUnreadable):
        read(alice, document)
    assert served() == before


def test_the_copy_is_not_touched_while_the_store_answers(
    alice: User, document: Document, attachment: Attachment, local: StorageProvider, settings: Settings
) -> None:
    local.delete(attachment.storage_path)
    local.put_bytes(attachment.storage_path, b"another object")
    assert read(alice, document) == BODY


def test_a_vault_without_a_local_disk_needs_none(
    alice: User, document: Document, far: Breakable, settings: Settings, tmp_path: Path
) -> None:
    settings.VAULT = replace(settings.VAULT, local_storage_path=tmp_path / "not" / "there")
    assert wiring.readable_provider("far", str) is wiring.storage_provider("far")
