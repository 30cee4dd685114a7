"""Installations of the vault, each once for a module."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.crash.installation import GRACE, Installation, embedded_installation, servers_installation
from tests.crash.leftovers import Bucket, Directory
from tests.crash.moving import SHORT, Moving, moving_to_bucket, stores_file
from tests.services.fixtures import temporary_bucket
from tests.services.s3_server import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


# Every test of these makes an installation of its own; the others share the one of their module.
APART = {
    *("test_collector", "test_configuration", "test_first_run", "test_full_disk"),
    *("test_migration", "test_migration_clients", "test_migration_faults", "test_migration_kills"),
    "test_migration_keys",
    "test_rotation",
    "test_migration_room",
    "test_migration_tables",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one installation on one worker of pytest-xdist: to make it takes longer than most of them."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.path.stem not in APART:
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            kind = parameters.get("installation", "")
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{kind}"))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """SQLite and local disk, with graces of seconds."""
    with embedded_installation(tmp_path_factory.mktemp("embedded"), **GRACE) as installation:
        yield installation


@pytest.fixture(scope="module")
def own_bucket(s3_client: "S3Client") -> Iterator[str]:
    """The bucket of the module's installation: whatever is left in it is ours."""
    yield from temporary_bucket(s3_client)


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_url: str,
    s3_server: S3Server,
    s3_client: "S3Client",
    own_bucket: str,
) -> Iterator[Installation]:
    """PostgreSQL and S3, with graces of seconds."""
    bucket = Bucket(s3_client, own_bucket)
    directory = tmp_path_factory.mktemp("servers")
    with servers_installation(
        directory, postgres_url=postgres_url, s3=s3_server, bucket=bucket, **GRACE
    ) as installation:
        yield installation


@pytest.fixture(params=["embedded", "servers"])
def installation(request: pytest.FixtureRequest) -> Installation:
    """Every test that asks for it runs on both."""
    found: Installation = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def moving_embedded(tmp_path: Path) -> Iterator[Moving]:
    """SQLite, documents on the local disk, and another directory that they can be moved to."""
    with embedded_installation(tmp_path, **SHORT, VAULT_STORAGE_FILE=str(stores_file(tmp_path))) as vault:
        yield Moving(vault, "local", "archive", {"local": vault.store, "archive": Directory(tmp_path / "archive")})


@pytest.fixture
def moving_servers(
    tmp_path: Path, postgres_url: str, s3_server: S3Server, s3_client: "S3Client", s3_bucket: str
) -> Iterator[Moving]:
    """PostgreSQL, documents on the local disk, and a bucket of S3 that they can be moved to."""
    bucket = Bucket(s3_client, s3_bucket)
    with moving_to_bucket(tmp_path, postgres_url=postgres_url, s3=s3_server, bucket=bucket) as moving:
        yield moving


@pytest.fixture(params=["embedded", "servers"])
def moving(request: pytest.FixtureRequest) -> Moving:
    """Every test that asks for it runs on both."""
    found: Moving = request.getfixturevalue(f"moving_{request.param}")
    return found
