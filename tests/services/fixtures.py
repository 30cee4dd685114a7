"""Fixtures over the test servers, for ``pytest_plugins``.

Under ``python -m tests.services.run`` the servers are up already. Without it the first test that asks for one starts
it, for the session; a test that asks for none pays nothing.
"""

import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.services import azurite as azurite_service
from tests.services import gcs as gcs_service
from tests.services import postgres as postgres_service
from tests.services import s3_server as s3_service
from tests.services import valkey as valkey_service
from tests.services.environment import AZURE_URL, GCS_URL, POSTGRES_URL, VALKEY_URL, s3_from_environment
from tests.services.s3_server import S3Server

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient
    from botocore.config import Config
    from google.cloud.storage import Client
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a database from which others can be created."""
    if url := os.environ.get(POSTGRES_URL):
        yield url
    else:
        with postgres_service.postgres() as url:
            yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """Without a database number; the workers of pytest-xdist share it."""
    if url := os.environ.get(VALKEY_URL):
        yield url
    else:
        with valkey_service.valkey() as url:
            yield url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    if server := s3_from_environment():
        yield server
    else:
        with s3_service.s3_server() as server:
            yield server


@pytest.fixture(scope="session")
def gcs_url() -> Iterator[str]:
    """The endpoint of gcp-storage-emulator."""
    if url := os.environ.get(GCS_URL):
        yield url
    else:
        with gcs_service.gcs() as url:
            yield url


@pytest.fixture(scope="session")
def azure_url() -> Iterator[str]:
    """The URL of azurite's account."""
    if url := os.environ.get(AZURE_URL):
        yield url
    else:
        with azurite_service.azurite() as url:
            yield url


@pytest.fixture(scope="session")
def s3_client(s3_server: S3Server) -> "S3Client":
    return s3_client_for(s3_server)


@pytest.fixture(scope="session")
def s3_shared_bucket(s3_client: "S3Client") -> Iterator[str]:
    """One bucket for all tests of a worker that keep to keys of their own."""
    yield from temporary_bucket(s3_client)


@pytest.fixture
def s3_bucket(s3_client: "S3Client") -> Iterator[str]:
    """An empty bucket for one test."""
    yield from temporary_bucket(s3_client)


def s3_client_for(server: S3Server, config: "Config | None" = None) -> "S3Client":
    """A client as the vault's own, with ``config`` on top."""
    # These imports take a second, and most tests do without S3.
    import boto3  # noqa: PLC0415

    from documents.storage.s3_client import vault_config  # noqa: PLC0415

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
        config=vault_config(config),
    )


def gcs_client_for(endpoint_url: str) -> "Client":
    """A client that signs nothing, for the servers of tests."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
    from google.cloud.storage import Client  # noqa: PLC0415

    return Client(project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint_url})


def azure_client_for(account_url: str, container: str, **options: Any) -> "ContainerClient":
    """A client as the vault's own, with ``options`` on top."""
    from azure.storage.blob import ContainerClient  # noqa: PLC0415

    from documents.storage.azure_client import vault_options  # noqa: PLC0415

    options.setdefault(
        "credential", {"account_name": azurite_service.ACCOUNT, "account_key": azurite_service.ACCOUNT_KEY}
    )
    return ContainerClient(account_url, container, **(vault_options() | options))


def temporary_bucket(client: "S3Client") -> Iterator[str]:
    """Yield the name of a new, empty bucket, and delete it with all that is in it afterwards."""
    name = f"test-{uuid.uuid4()}"
    client.create_bucket(Bucket=name)
    yield name
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=name):
        for upload in page.get("Uploads", ()):
            client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    for listing in client.get_paginator("list_object_versions").paginate(Bucket=name):
        for entry in (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ())):
            client.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])
    client.delete_bucket(Bucket=name)
