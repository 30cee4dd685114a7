"""Documents that are opened with RSA keys in AWS KMS, as a server of our own plays it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.conf import KeySources
from documents.encryption.derivation import fits_commitment
from documents.errors import KeyServiceMisconfigured, KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice.aws_kms import AwsKmsService
from documents.models import Attachment
from documents.services.actors import Actor
from tests.conftest import Store
from tests.encryption.keys import KEKS
from tests.keyring import write_keys
from tests.keyservice.envelopes import request_for
from tests.keyservice.kms import PRIMARY, STRANGER, at
from tests.keyservice.test_documents import read
from tests.services.fake_kms import FakeKms, arn
from tests.services.processes import free_port

TOO_FAST = ("ThrottlingException", "LimitExceededException", "RequestLimitExceeded")


@pytest.fixture
def service(kms: FakeKms) -> Iterator[AwsKmsService]:
    with closing(AwsKmsService(at(kms, "primary", "stranger"))) as found:
        yield found


def test_it_finds_which_key_is_which_kek(service: AwsKmsService) -> None:
    assert service.kek_ids() == {PRIMARY, STRANGER}


def test_a_dek_that_was_wrapped_offline_is_unwrapped(service: AwsKmsService, kms: FakeKms) -> None:
    request = request_for()

    deks = [service.open_dek(request.kek_id, request.wrapped, request.context) for _ in range(2)]

    assert all(fits_commitment(dek, request.context) for dek in deks)
    operations = [(operation, asked["KeyId"]) for operation, asked in kms.asked]
    assert operations == [
        *(("TrentService.GetPublicKey", arn(name)) for name in ("primary", "stranger")),
        *[("TrentService.Decrypt", arn("primary"))] * 2,
    ]


def test_what_was_not_wrapped_for_the_key_is_32_random_bytes(service: AwsKmsService) -> None:
    request = request_for()
    short = KEKS["primary"].public_half.wrap(b"short", b"")
    wrong = [bytes(384), request.wrapped[:-1], b"x", b"", short]

    deks = [service.open_dek(PRIMARY, wrapped, request.context) for wrapped in wrong]

    assert {len(dek) for dek in deks} == {32}
    assert not any(fits_commitment(dek, request.context) for dek in deks)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("AccessDeniedException", KeyServiceMisconfigured, "Allow this role kms:Decrypt"),
        ("DisabledException", KeyServiceMisconfigured, "Enable the key"),
        ("KMSInvalidStateException", KeyServiceMisconfigured, "not enabled"),
        ("InvalidKeyUsageException", KeyServiceMisconfigured, "no key for ENCRYPT_DECRYPT"),
        ("NotFoundException", KeyServiceMisconfigured, "Check VAULT_KMS_KEYS and VAULT_KMS_REGION"),
        ("UnrecognizedClientException", KeyServiceMisconfigured, "credentials"),
        ("ExpiredTokenException", KeyServiceMisconfigured, "have expired: renew them"),
        ("NobodyKnowsThisException", KeyServiceMisconfigured, "Look at AWS KMS"),
        ("KMSInternalException", KeyServiceUnavailable, "The fault is its own and passes"),
        ("DependencyTimeoutException", KeyServiceUnavailable, "The fault is its own and passes"),
        *((code, KeyServiceRefused, "rate limit") for code in TOO_FAST),
    ],
)
def test_what_kms_refuses_says_what_to_do(
    service: AwsKmsService, kms: FakeKms, code: str, error: type[KeyServiceUnavailable | KeyServiceRefused], words: str
) -> None:
    service.kek_ids()
    kms.failing.append(code)
    asked = len(kms.asked)
    request = request_for()

    with pytest.raises(error, match=words) as raised:
        service.open_dek(request.kek_id, request.wrapped, request.context)

    assert isinstance(raised.value, (KeyServiceUnavailable, KeyServiceRefused))
    assert raised.type is error
    assert len(kms.asked) == asked + 1, "once: another attempt would take as long again"
    lasts = error is KeyServiceMisconfigured
    assert ("Try again" in raised.value.for_people(), raised.value.retryable) == (not lasts, not lasts)


def test_a_key_that_is_not_there_is_named(kms: FakeKms) -> None:
    with (
        closing(AwsKmsService(at(kms, "mistyped"))) as service,
        pytest.raises(KeyServiceUnavailable, match=r"NotFoundException for .*mistyped. Check VAULT_KMS_KEYS"),
    ):
        service.kek_ids()
    with (
        closing(AwsKmsService(at(kms, "stranger"))) as service,
        pytest.raises(KeyServiceMisconfigured, match=f"is KEK {PRIMARY.hex()[:16]}"),
    ):
        service.open_dek(PRIMARY, bytes(384), bytes(144))


def test_a_kms_that_does_not_answer_is_unavailable(kms: FakeKms) -> None:
    away = replace(at(kms, "primary"), endpoint_url=f"http://127.0.0.1:{free_port()}")
    with (
        closing(AwsKmsService(away)) as service,
        pytest.raises(KeyServiceUnavailable, match="EndpointConnectionError") as raised,
    ):
        service.kek_ids()
    assert "secret-canary" not in str(raised.value)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None), "its text holds the URL: no log shows it"


@pytest.mark.django_db(transaction=True)
def test_a_document_is_opened_by_kms(
    kms: FakeKms, settings: Settings, tmp_path: Path, store: Store, as_alice: Actor
) -> None:
    sources = KeySources(write_keys(tmp_path / "keys", seal_only=True), service=at(kms, "primary"))
    settings.VAULT = replace(settings.VAULT, keys=sources)
    key_rings.reset()
    try:
        document = store(b"a payslip")
        assert read(document, as_alice) == b"a payslip"
        assert key_rings.key_ring().opens == {PRIMARY}
        kms.failing.append("AccessDeniedException")
        with pytest.raises(KeyServiceUnavailable):
            read(document, as_alice)
        assert Attachment.objects.get().suspect_at is None
    finally:
        key_rings.reset()
