"""From any kind of store to any other: a vault that goes through all of them comes home as it was."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.clouds import AzureConfig, GcsConfig
from documents.conf.s3 import S3Config
from documents.conf.storage_file import FailoverConfig, LocalConfig, StorageFile, StoreConfig
from migrations_tools.models import MigrationRun
from migrations_tools.states import RunKind, RunState
from tests.conftest import Store
from tests.migrations_tools.moving import is_whole, outcomes, run_to
from tests.services.azurite import ACCOUNT, ACCOUNT_KEY, azurite_is_installed
from tests.services.environment import AZURE_URL
from tests.services.fixtures import azure_client_for, gcs_client_for, temporary_bucket
from tests.services.s3_server import S3Server

# The last has what the journey began with.
JOURNEY = ["bucket", "another-bucket", "google", "microsoft", "both", "disk"]


def bucket_of(server: S3Server, bucket: str, prefix: str = "") -> S3Config:
    return S3Config(server.access_key, server.secret_key, bucket, "us-east-1", server.endpoint_url, prefix)


@pytest.fixture
def google(gcs_url: str, monkeypatch: pytest.MonkeyPatch) -> GcsConfig:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_url)  # Google's own variable: no credentials are looked for
    bucket = f"test-{uuid4()}"
    gcs_client_for(gcs_url).create_bucket(bucket)
    return GcsConfig(bucket, "test")


def microsoft(url: str) -> AzureConfig:
    container = f"test-{uuid4()}"
    azure_client_for(url, container).create_container()
    connection = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={url}"
    return AzureConfig(container, connection_string=f"DefaultEndpointsProtocol=http;{connection}")


@pytest.fixture
def stores(
    request: pytest.FixtureRequest, s3_server: S3Server, google: GcsConfig, settings: Settings, tmp_path: Path
) -> Iterator[list[str]]:
    """The stores of the journey that this machine has, in its order."""
    client = request.getfixturevalue("s3_client")
    configs: dict[str, StoreConfig] = {"google": google, "disk": LocalConfig(tmp_path / "disk")}
    if AZURE_URL in os.environ or azurite_is_installed():
        configs["microsoft"] = microsoft(request.getfixturevalue("azure_url"))
    buckets = [temporary_bucket(client) for _ in range(2)]
    configs["bucket"], configs["another-bucket"] = (bucket_of(s3_server, next(made)) for made in buckets)
    configs["both"] = FailoverConfig(("another-bucket", "disk"), second_copy=False)
    settings.VAULT = replace(
        settings.VAULT,
        storage_file=StorageFile(stores=tuple(configs.items())),
        migration=replace(settings.VAULT.migration, grace=timedelta(0)),
    )
    settings.STORAGES = {**settings.STORAGES, **settings.VAULT.storages_aliases()}
    wiring.reset()
    yield [name for name in JOURNEY if name in configs]
    wiring.reset()
    for made in buckets:
        next(made, None)


def test_a_vault_goes_through_every_kind_of_store_and_comes_home(stores: list[str], store: Store) -> None:
    rows = [store(os.urandom(size)).current_attachment() for size in (0, 1, 300_000, 3_000_000)]
    assert len(stores) >= len(JOURNEY) - 1

    for before, here in zip([rows[0].storage_type, *stores], stores, strict=False):
        moved = run_to(here, threads=4)
        assert (here, moved.state, outcomes(moved)) == (here, RunState.SUCCEEDED, {"done": 4})
        assert all(is_whole(row) for row in rows)
        assert {row.storage_type for row in rows} == {here}
        purged = run_to(here, kind=RunKind.PURGE)
        # A failover has what its members have: what was put into it may lie where the source was.
        assert purged.state == RunState.SUCCEEDED
        left = list(wiring.store_itself(before).iter_locations("documents/"))
        assert left == [] or "both" in (before, here)
        assert all(is_whole(row) for row in rows)

    assert MigrationRun.objects.exclude(state=RunState.SUCCEEDED).count() == 0
