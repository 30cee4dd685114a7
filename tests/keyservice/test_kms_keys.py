"""Several keys in AWS KMS, one of which cannot be used; a KMS that hangs; addresses that are not ours."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from documents.conf.key_service import AwsKms
from documents.encryption.derivation import fits_commitment
from documents.errors import KeyServiceMisconfigured, KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice.attached import key_service, reset
from documents.keyservice.aws_kms import AwsKmsService
from documents.keyservice.protocol import every_kek_id
from tests.keyservice.envelopes import request_for
from tests.keyservice.kms import PRIMARY, STRANGER, at
from tests.services.fake_kms import FakeKms, arn


@pytest.fixture
def service(kms: FakeKms) -> Iterator[AwsKmsService]:
    with closing(AwsKmsService(at(kms, "stranger", "primary"))) as found:
        yield found


@pytest.fixture
def hanging(kms: FakeKms) -> Iterator[tuple[AwsKms, socket.socket]]:
    """It takes connections, and says nothing to anybody."""
    with socket.create_server(("127.0.0.1", 0), backlog=32) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield replace(at(kms, "primary", "stranger"), endpoint_url=url, timeout=timedelta(seconds=1)), listening
    reset()


def connections_of(listening: socket.socket) -> int:
    listening.setblocking(False)  # noqa: FBT003
    count = 0
    with ExitStack() as taken:
        while True:
            try:
                taken.enter_context(listening.accept()[0])
            except BlockingIOError:
                return count
            count += 1


@pytest.mark.parametrize("code", ["DisabledException", "AccessDeniedException", "ThrottlingException"])
def test_a_key_that_cannot_be_used_does_not_close_the_others(service: AwsKmsService, kms: FakeKms, code: str) -> None:
    kms.refusing["stranger"] = code
    request = request_for()

    with capture_logs() as logs:
        assert service.kek_ids() == service.kek_ids() == {PRIMARY}
        assert fits_commitment(service.open_dek(PRIMARY, request.wrapped, request.context), request.context)

    told = [log for log in logs if log["event"] == "kms_keys_unusable"]
    assert len(told) == 1, "once a minute at most"
    assert arn("stranger") in told[0]["faults"]


def test_who_wants_that_very_key_is_told_why(service: AwsKmsService, kms: FakeKms) -> None:
    kms.refusing["primary"] = "AccessDeniedException"
    with pytest.raises(KeyServiceMisconfigured, match=rf"{PRIMARY.hex()[:16]}\. .*AccessDeniedException for .*primary"):
        service.open_dek(PRIMARY, bytes(384), bytes(144))

    kms.refusing["primary"] = "ThrottlingException"
    with pytest.raises(KeyServiceRefused):
        service.open_dek(PRIMARY, bytes(384), bytes(144))


def test_where_no_key_answers_that_is_told(service: AwsKmsService, kms: FakeKms) -> None:
    kms.refusing.update(primary="DisabledException", stranger="DisabledException")

    with pytest.raises(KeyServiceMisconfigured, match="Enable the key again"):
        service.kek_ids()


def test_which_kek_a_key_is_outlives_a_fault_that_passes_and_no_lasting_one(
    service: AwsKmsService, kms: FakeKms
) -> None:
    assert service.kek_ids() == {PRIMARY, STRANGER}

    kms.refusing["primary"] = "ThrottlingException"
    assert service.kek_ids() == {PRIMARY, STRANGER}
    kms.refusing["primary"] = "KMSInvalidStateException"
    assert service.kek_ids() == {STRANGER}
    del kms.refusing["primary"]
    assert service.kek_ids() == {PRIMARY, STRANGER}


def test_who_destroys_a_kek_needs_the_answer_of_every_key(kms: FakeKms) -> None:
    service = key_service(at(kms, "stranger", "primary"))
    try:
        assert every_kek_id(service) == {PRIMARY, STRANGER}
        kms.refusing["primary"] = "ThrottlingException"
        assert service.kek_ids() == {PRIMARY, STRANGER}

        with pytest.raises(KeyServiceRefused):
            every_kek_id(service)
    finally:
        reset()


def test_a_kms_that_hangs_is_waited_for_once(hanging: tuple[AwsKms, socket.socket]) -> None:
    config, listening = hanging
    began = time.monotonic()

    for _document in range(8):
        with pytest.raises(KeyServiceUnavailable):
            key_service(config).open_dek(PRIMARY, bytes(384), bytes(144))

    assert connections_of(listening) == 1, "not once for each key, attempt and document"
    assert time.monotonic() - began < 8 * config.timeout.total_seconds() / 2


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS", "HTTP_PROXY", "http_proxy"])
def test_the_environment_sends_no_request_elsewhere(kms: FakeKms, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with closing(AwsKmsService(at(kms, "primary"))) as service:
            assert service.kek_ids() == {PRIMARY}
        assert connections_of(elsewhere) == 0


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"])
def test_without_an_endpoint_it_is_that_of_aws(kms: FakeKms, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, kms.url)
    with closing(AwsKmsService(replace(at(kms, "primary"), endpoint_url=""))) as service:
        assert service._client.meta.endpoint_url == "https://kms.eu-central-1.amazonaws.com"


@pytest.mark.parametrize("endpoint_url", ["https://", "https://host:port"])
def test_settings_that_make_no_client_are_told(kms: FakeKms, endpoint_url: str) -> None:
    with (
        closing(AwsKmsService(replace(at(kms, "primary"), endpoint_url=endpoint_url))) as service,
        pytest.raises(KeyServiceMisconfigured, match="Check VAULT_KMS_REGION"),
    ):
        service.kek_ids()


def test_a_machine_without_credentials_is_told(kms: FakeKms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with (
        closing(AwsKmsService(at(kms, "primary"))) as service,
        pytest.raises(KeyServiceMisconfigured, match="NoCredentialsError"),
    ):
        service.kek_ids()
