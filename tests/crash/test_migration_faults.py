"""A store that asks for less, and answers that are lost: whatever is drawn, each object is moved once and whole."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.crash.fire import seed_of_test
from tests.crash.installation import servers_installation
from tests.crash.leftovers import Bucket, Directory
from tests.crash.moving import (
    SHORT,
    Moving,
    assert_everything_reads,
    assert_nothing_unfinished,
    end_grace,
    migrate,
    newest_run,
    report_of,
)
from tests.crash.processes import web_server
from tests.crash.scan import (
    assert_every_row_has_its_object,
    assert_report_tells_the_rows,
    assert_report_tells_the_store,
)
from tests.services.s3_server import S3Server
from tests.storage.faulty_proxy import Fault, FaultyProxy, faulty_proxy, xml_error

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SLOW_DOWN = Fault("503 SlowDown", before=xml_error(503, "SlowDown"))
LOST = Fault("a reset instead of an answer", lost=True, reset=True)
# Bytes; the largest is put in parts.
SIZES = (0, 1, 4_000, 70_000, 262_144, 600_000, 9_000_000)
# Of all requests. The client asks four times before it tells, so that about one call in a hundred fails in the end.
SHARE = 0.3


@dataclass
class Weather:
    """Strikes ``SHARE`` of the requests, by lot. ``struck`` counts them."""

    proxy: FaultyProxy
    random: Random
    struck: int = 0

    def begin(self, fault: Fault) -> None:
        self.proxy.strike(fault, where=self._is_struck)

    def end(self) -> None:
        self.proxy.fault = None

    def _is_struck(self, _method: str, _path: str) -> bool:
        is_struck = self.random.random() < SHARE
        self.struck += is_struck
        return is_struck


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def moving_through(
    proxy: FaultyProxy, tmp_path: Path, postgres_url: str, s3_server: S3Server, s3_client: "S3Client", s3_bucket: str
) -> Iterator[Moving]:
    """As ``moving_servers``, with a proxy between the vault and the bucket; the test's own client goes around it."""
    bucket, local = Bucket(s3_client, s3_bucket), {**SHORT, "STORAGE_TYPE": "local"}
    s3 = replace(s3_server, endpoint_url=proxy.endpoint_url)
    with servers_installation(tmp_path, postgres_url=postgres_url, s3=s3, bucket=bucket, **local) as vault:
        yield Moving(vault, "local", "s3", {"local": Directory(tmp_path / "data" / "storage"), "s3": bucket})


@pytest.mark.parametrize("fault", [SLOW_DOWN, LOST], ids=lambda fault: fault.name)
def test_an_unsteady_store_gets_each_object_once_and_gives_it_back(
    moving_through: Moving, proxy: FaultyProxy, fault: Fault
) -> None:
    moving, vault = moving_through, moving_through.vault
    weather = Weather(proxy, Random(seed_of_test()))  # noqa: S311
    with web_server(vault.processes) as web, vault.person.client(web.url) as client:
        for size in SIZES:
            vault.person.upload(client, os.urandom(size))
    for destination in (moving.there, moving.here):
        before, struck = moving.held(), weather.struck
        weather.begin(fault)
        status, told = migrate(vault, destination, "--inline", "--threads", "2")
        weather.end()
        assert status == 0, told
        assert weather.struck > struck
        report = report_of(vault, newest_run(vault)[0])
        assert_report_tells_the_rows(vault, report)
        assert_report_tells_the_store(moving, report, before)
        end_grace(vault)
        weather.begin(fault)
        status, told = migrate(vault, destination, "--purge-source", "--no-input", "--inline", "--threads", "2")
        weather.end()
        assert status == 0, told
        assert_every_row_has_its_object(moving)
    assert_nothing_unfinished(vault, moving.stores["s3"])
    assert_everything_reads(vault)
