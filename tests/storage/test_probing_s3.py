"""``check_storage`` on a real store, on look-alikes of it, and on endpoints that are none."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import time_machine
from botocore.config import Config

from documents.conf import S3Config
from documents.errors import ObjectExists, UnsupportedOperation
from documents.services.probing import Finding, Outcome, probe_storage
from documents.services.s3_policy import bucket_documents
from documents.storage.s3 import S3Provider
from tests.services.environment import s3_kind
from tests.services.fixtures import s3_client_for
from tests.services.processes import free_port
from tests.services.s3_server import S3Server
from tests.storage.certificate import self_signed
from tests.storage.faulty_proxy import PAGE, Fault, FaultyProxy, faulty_proxy, xml_error
from tests.storage.look_alike import Defect, look_alike

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ORIGIN = "https://vault.example.com"
IMPATIENT = Config(retries={"total_max_attempts": 1})


def provider_at(server: S3Server, bucket: str) -> S3Provider:
    return S3Provider(client=s3_client_for(server, IMPATIENT), bucket=bucket)


def findings(provider: S3Provider, *, thorough: bool = True) -> list[Finding]:
    return list(probe_storage(provider, thorough=thorough, origins=[ORIGIN]))


def named(found: list[Finding], outcome: Outcome) -> list[str]:
    return [finding.probe for finding in found if finding.outcome is outcome]


def the_one_failure(found: list[Finding]) -> Finding:
    [failure] = [finding for finding in found if finding.outcome is Outcome.FAILED]
    assert failure.hint
    assert failure.provider == "s3"
    return failure


if s3_kind() == "radosgw":  # moto enforces neither signatures nor expiry: it is a look-alike itself

    def test_a_good_store_has_no_failure_and_keeps_nothing(s3_server: S3Server, s3_bucket: str) -> None:
        provider = provider_at(s3_server, s3_bucket)

        found = findings(provider)

        assert named(found, Outcome.FAILED) == []
        assert named(found, Outcome.MISSING) == ["CORS"]
        assert len(found) == 11
        assert list(provider.iter_locations()) == []
        assert list(provider.iter_multiparts()) == []

    FAILING = [defect for defect in Defect if defect is not Defect.REFUSES_CONDITIONS]

    @pytest.mark.parametrize("defect", FAILING, ids=lambda defect: defect.name.lower())
    def test_a_look_alike_has_the_failure_of_its_defect_and_no_other(
        s3_server: S3Server, s3_bucket: str, defect: Defect
    ) -> None:
        with look_alike(s3_server, defect) as server:
            found = findings(provider_at(server, s3_bucket))

        failure = the_one_failure(found)
        assert failure.probe == defect.value
        assert not failure.retryable
        assert len(found) == 11

    def test_a_look_alike_that_refuses_conditions_is_told_apart(s3_server: S3Server, s3_bucket: str) -> None:
        with look_alike(s3_server, Defect.REFUSES_CONDITIONS) as server:
            found = findings(provider_at(server, s3_bucket))

        assert named(found, Outcome.MISSING) == ["conditional create", "CORS"]
        assert named(found, Outcome.FAILED) == []
        assert "second database" in found[2].hint

    def test_a_wrong_secret_is_told(s3_server: S3Server, s3_bucket: str) -> None:
        [finding] = findings(provider_at(replace(s3_server, secret_key="wrong"), s3_bucket))

        assert (finding.probe, finding.retryable) == ("connection", False)
        assert "S3_SECRET_KEY" in finding.hint

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_a_clock_of_ours_that_is_an_hour_off_is_told(s3_server: S3Server, s3_bucket: str, hours: int) -> None:
        provider = provider_at(s3_server, s3_bucket)
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)):
            [finding] = findings(provider)

        assert (finding.probe, finding.retryable) == ("connection", False)
        assert "RequestTimeTooSkewed" in finding.detail
        assert "clock" in finding.hint


def test_a_store_that_refuses_conditions_promises_none(s3_server: S3Server, s3_bucket: str) -> None:
    with look_alike(s3_server, Defect.REFUSES_CONDITIONS) as server:
        provider = provider_at(server, s3_bucket)
        with pytest.raises(UnsupportedOperation, match=r"ConditionalCreate \(provider 's3', key 'k'\)"):
            provider.put_if_absent("k", b"first")
        assert not provider.exists("k")
        provider.put_bytes("k", b"first")
        with pytest.raises(ObjectExists):
            provider.put_bytes("k", b"second")
        upload_id = provider.create_multipart("k")
        part = provider.upload_part("k", upload_id, 1, b"second")
        with pytest.raises(ObjectExists):
            provider.complete_multipart("k", upload_id, [part])
        assert provider.get("k") == b"first"


def test_a_bucket_with_the_printed_cors_passes(s3_client: "S3Client", s3_server: S3Server, s3_bucket: str) -> None:
    config = S3Config("access", "secret", s3_bucket)
    cors = bucket_documents(config, origins=[ORIGIN]).cors
    s3_client.put_bucket_cors(Bucket=s3_bucket, CORSConfiguration=cors)  # type: ignore[arg-type]  # JSON as it is printed

    found = {finding.probe: finding for finding in findings(provider_at(s3_server, s3_bucket))}

    assert found["CORS"].outcome is Outcome.OK
    other = list(probe_storage(provider_at(s3_server, s3_bucket), origins=["https://elsewhere.example.com"]))[-1]
    assert (other.probe, other.outcome) == ("CORS", Outcome.MISSING)
    assert "s3_policy" in other.hint


def test_a_bucket_that_is_gone_is_told(s3_server: S3Server) -> None:
    [finding] = findings(provider_at(s3_server, "no-such-bucket-anywhere"))

    assert (finding.probe, finding.retryable) == ("connection", False)
    assert "S3_BUCKET" in finding.hint


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server.endpoint_url) as proxy:
        yield proxy


def test_a_wrong_region_is_told(proxy: FaultyProxy, s3_server: S3Server, s3_bucket: str) -> None:
    proxy.strike(Fault("wrong region", before=xml_error(400, "AuthorizationHeaderMalformed")))

    [finding] = findings(provider_at(replace(s3_server, endpoint_url=proxy.endpoint_url), s3_bucket))

    assert (finding.probe, finding.retryable) == ("connection", False)
    assert "S3_REGION" in finding.hint


def test_one_key_that_is_refused_is_one_failure_that_names_it(
    proxy: FaultyProxy, s3_server: S3Server, s3_bucket: str
) -> None:
    keys: list[str] = []

    def is_of_the_range(_method: str, path: str) -> bool:
        if path.endswith("/3/0"):
            keys.append(path)
        return path.endswith("/3/0")

    proxy.strike(Fault("403", before=xml_error(403, "AccessDenied")), where=is_of_the_range)

    found = findings(provider_at(replace(s3_server, endpoint_url=proxy.endpoint_url), s3_bucket), thorough=False)

    failure = the_one_failure(found)
    assert (failure.probe, failure.retryable) == ("range", False)
    assert keys[0].removeprefix(f"/{s3_bucket}/") in failure.detail
    assert len(found) == 8


def test_a_store_that_takes_no_writes_is_one_failure(proxy: FaultyProxy, s3_server: S3Server, s3_bucket: str) -> None:
    proxy.strike(Fault("403", before=xml_error(403, "AccessDenied")), where=lambda method, _path: method == "PUT")

    found = findings(provider_at(replace(s3_server, endpoint_url=proxy.endpoint_url), s3_bucket))

    assert the_one_failure(found).probe == "write, read, delete"
    assert len(found) == 2


@contextmanager
def a_page() -> Iterator[str]:
    with faulty_proxy("http://127.0.0.1:1") as proxy:
        proxy.strike(Fault("page", before=PAGE))
        yield proxy.endpoint_url


@contextmanager
def a_closed_port() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def plain_http_on_an_https_url() -> Iterator[str]:
    with a_page() as url:
        yield url.replace("http:", "https:")


@contextmanager
def a_certificate_of_its_own() -> Iterator[str]:
    with (
        TemporaryDirectory() as directory,
        faulty_proxy("http://127.0.0.1:1", tls=self_signed(Path(directory))) as proxy,
    ):
        proxy.strike(Fault("none"), times=0)
        yield proxy.endpoint_url


@pytest.mark.parametrize("endpoint", [a_page, a_closed_port, plain_http_on_an_https_url, a_certificate_of_its_own])
def test_an_endpoint_that_is_no_s3_is_told(
    s3_server: S3Server, endpoint: Callable[[], AbstractContextManager[str]]
) -> None:
    with endpoint() as url:
        [finding] = findings(provider_at(replace(s3_server, endpoint_url=url), "bucket"))
    assert (finding.probe, finding.retryable) == ("connection", True)
    assert "S3_ENDPOINT_URL" in finding.hint
    assert url.partition("//")[2] not in finding.detail
    assert ("certificate" in finding.hint) == url.startswith("https:")
