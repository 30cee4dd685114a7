"""The key of the destination is taken away in the middle of a move, and comes back."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.crash.leftovers import Bucket, rows
from tests.crash.moving import (
    Moving,
    assert_everything_reads,
    migrate,
    moving_to_bucket,
    newest_run,
    objects_of_rows,
    report_of,
    start,
    upload_some,
)
from tests.crash.scan import assert_every_row_has_its_object, assert_report_tells_the_rows
from tests.services.environment import s3_kind
from tests.services.radosgw_keys import create_key, remove_key
from tests.services.s3_server import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OBJECTS = 6


@pytest.fixture
def key_of_vault(s3_server: S3Server) -> Iterator[S3Server]:
    """The server, with a key that is the vault's alone."""
    own = replace(s3_server, access_key=f"vault{uuid4().hex[:15]}", secret_key=uuid4().hex)
    create_key(s3_server, access_key=own.access_key, secret_key=own.secret_key)
    yield own
    remove_key(s3_server, access_key=own.access_key)


@pytest.fixture
def moving_by_key(
    key_of_vault: S3Server, tmp_path: Path, postgres_url: str, s3_client: "S3Client", s3_bucket: str
) -> Iterator[Moving]:
    """As ``moving_servers``, with a key of its own; the test's client has another."""
    bucket = Bucket(s3_client, s3_bucket)
    with moving_to_bucket(tmp_path, postgres_url=postgres_url, s3=key_of_vault, bucket=bucket) as moving:
        yield moving


if s3_kind() == "radosgw":  # moto takes any key

    def test_a_key_that_is_taken_away_interrupts_the_run_and_it_goes_on_with_the_key(
        moving_by_key: Moving, s3_server: S3Server, key_of_vault: S3Server
    ) -> None:
        moving, vault = moving_by_key, moving_by_key.vault
        upload_some(vault, OBJECTS)
        command = start(vault, "s3", "--inline", "--bandwidth", "20k", "--threads", "1", "--batch-size", "2")
        deadline = time.monotonic() + 60
        while not objects_of_rows(vault)["s3"] and time.monotonic() < deadline:
            time.sleep(0.02)

        remove_key(s3_server, access_key=key_of_vault.access_key)

        status, told = command.wait(120), command.log.read_text()
        create_key(s3_server, access_key=key_of_vault.access_key, secret_key=key_of_vault.secret_key)
        run, state = newest_run(vault)
        assert (status, state) == (1, "interrupted"), told
        assert f"--resume {run}" in told
        items = [
            str(found) for (found,) in rows(vault.database_url, "SELECT state FROM migrations_tools_migrationitem")
        ]
        assert set(items) == {"done", "pending"}
        assert key_of_vault.secret_key not in told
        assert_everything_reads(vault)

        status, told = migrate(vault, "--resume", "--inline", "--bandwidth", "1G")

        assert status == 0, told
        assert_report_tells_the_rows(vault, report_of(vault, run))
        assert_every_row_has_its_object(moving)
        assert len(objects_of_rows(vault)["s3"]) == OBJECTS
