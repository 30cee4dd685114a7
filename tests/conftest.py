"""One cast and one vault for all tests: Alice owns, Bob must be refused, Sam is staff and must be refused as well."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import hypothesis
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from documents import wiring
from documents.models import Document
from documents.services.actors import Actor
from documents.services.object_storage import ObjectStorageService
from documents.storage.base import StorageProvider
from documents.storage.forwarding import undecorated
from tests import settings as test_settings

if TYPE_CHECKING:
    from documents.storage.s3 import S3Provider

pytest_plugins = ["tests.services.fixtures"]

# How fast values are made says something about the machine, nothing about the vault.
hypothesis.settings.register_profile("vault", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("vault")

PASSWORD = "correct horse battery staple"
Store = Callable[..., Document]


@pytest.fixture(autouse=True)
def fresh_cache() -> Iterator[None]:
    """Rate limits of one test are not another's."""
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def fresh_storage(settings: Settings, tmp_path: Path, bucket_of_worker: "S3Provider | None") -> Iterator[None]:
    """Every test stores in a directory of its own. With the servers profile objects go to the worker's bucket.

    What a test leaves there would look to the next one, with its own vault, like another vault in the same bucket.
    """
    settings.VAULT = replace(settings.VAULT, local_storage_path=tmp_path / "storage")
    yield
    if bucket_of_worker:
        empty(bucket_of_worker)


def empty(provider: "S3Provider") -> None:
    """Delete its objects and end its unfinished uploads, by the client: a test may still have its hand in both."""
    bucket = provider.bucket
    for info in provider.iter_locations():
        bucket.client.delete_object(Bucket=bucket.name, Key=bucket.full_key(info.key))
    unfinished = bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads", ())
    for upload in unfinished:
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=upload["Key"], UploadId=upload["UploadId"])


@pytest.fixture(scope="session", autouse=True)
def bucket_of_worker() -> "S3Provider | None":
    """Make the bucket that the servers profile stores in."""
    if test_settings.PROFILE != "servers":
        return None
    provider = cast("S3Provider", undecorated(wiring.storage_provider("s3")))
    provider.bucket.client.create_bucket(Bucket=provider.bucket.name)
    return provider


@pytest.fixture
def provider() -> StorageProvider:
    """Where new documents go in this profile."""
    return undecorated(wiring.storage_provider())


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.org", PASSWORD)


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", "bob@example.org", PASSWORD)


@pytest.fixture
def sam(db: None) -> User:
    """Staff with every permission."""
    return User.objects.create_superuser("sam", "sam@example.org", PASSWORD)


@pytest.fixture
def as_alice(alice: User) -> Actor:
    return Actor(alice, "web", "192.0.2.1", "request-1")


@pytest.fixture
def client_of() -> Callable[[User | None], Client]:
    """Make a browser that is signed in as somebody, or as nobody; CSRF is enforced."""

    def make(user: User | None) -> Client:
        client = Client(enforce_csrf_checks=True)
        if user:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def store(alice: User) -> Store:
    """Store bytes as a document of Alice's, or of whom it is said."""

    def make(
        content: bytes = b"a payslip", *, filename: str = "payslip.pdf", owner: User = alice, title: str = ""
    ) -> Document:
        service = ObjectStorageService(owner)
        return service.store([content], filename=filename, content_type="application/pdf", title=title)

    return make
