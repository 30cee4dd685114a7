"""What an operator sees of a key service: checks, readiness, answers to those who are too fast."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.http import JsonResponse
from django.test import Client
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.conf import KeySources
from documents.conf.addresses import TlsAddress, UnixAddress
from documents.conf.key_service import AwsKms, KeyServiceConfig, UnwrapServiceAt
from documents.encryption.vectors.keys import pem_of
from documents.errors import KeyServiceRefused, VaultError
from documents.http.problems import problem_response
from documents.services.readiness import Readiness
from tests.keyring import public_pem, write_keys
from tests.keyservice.certificates import Authority
from tests.keyservice.serving import Service

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def configure(settings: Settings, tmp_path: Path) -> Callable[..., None]:
    """Have this process use a key service, with private keys of its own or without."""

    def use(service: KeyServiceConfig, *, seal_only: bool = True, primary: str = "primary") -> None:
        recovery = "recovery" if primary == "primary" else "hybrid-recovery"
        directory = write_keys(tmp_path / "keys", seal_only=seal_only, primary=primary, recovery=recovery)
        settings.VAULT = replace(settings.VAULT, keys=KeySources(directory, service=service))
        key_rings.reset()

    return use


@pytest.fixture(autouse=True)
def _forget_keys() -> Iterator[None]:
    yield
    key_rings.reset()


def found() -> dict[str, str]:
    return {str(one.id): str(one.msg) for one in run_checks() if str(one.id).startswith("documents.")}


def test_a_key_service_and_public_keys_have_no_findings(tier: Service) -> None:
    assert found() == {}


def test_a_service_that_is_away_is_no_finding_of_a_check(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(UnwrapServiceAt(UnixAddress(tmp_path / "none"), SECOND))

    assert found() == {}


def test_a_private_key_beside_a_key_service_is_found(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(UnwrapServiceAt(UnixAddress(tmp_path / "none"), SECOND), seal_only=False)

    assert set(found()) == {"documents.W003"}


def test_a_private_key_that_no_ring_has_is_found_all_the_same(
    configure: Callable[..., None], settings: Settings, tmp_path: Path
) -> None:
    configure(UnwrapServiceAt(UnixAddress(tmp_path / "none"), SECOND), seal_only=False)
    public = {"primary_pem": public_pem("primary").decode(), "recovery_pem": public_pem("recovery").decode()}
    settings.VAULT = replace(settings.VAULT, keys=replace(settings.VAULT.keys, **public))
    what = f"{tmp_path}/keys/primary.pem holds the private half of a KEK."
    assert found() == {"documents.W003": f"A key service is configured, and {what}"}

    (tmp_path / "keys" / "primary.pem").chmod(0o644)
    assert "may read or change" in found()["documents.W003"]
    (tmp_path / "keys" / "primary.pem").unlink()
    assert found() == {}


def test_the_key_of_an_older_vault_is_found(configure: Callable[..., None], settings: Settings, tmp_path: Path) -> None:
    configure(UnwrapServiceAt(UnixAddress(tmp_path / "none"), SECOND))
    legacy = replace(settings.VAULT.legacy, key_pem=pem_of("stranger").decode())
    settings.VAULT = replace(settings.VAULT, legacy=legacy)

    assert "VAULT_LEGACY_KEY holds" in found()["documents.W003"]


def test_certificates_that_are_not_there_or_open_to_all_are_found(
    configure: Callable[..., None], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    address = TlsAddress("127.0.0.1", 1, authority.file, *authority.sign("web"))
    configure(UnwrapServiceAt(address, SECOND))
    assert found() == {}

    address.key.chmod(0o644)
    assert "every user of this machine" in found()["documents.E005"]
    address.certificate.unlink()
    assert "VAULT_KEY_SERVICE_CERTIFICATE: " in found()["documents.E005"]


def test_a_hybrid_primary_with_kms_is_found(configure: Callable[..., None]) -> None:
    kms = AwsKms(("key",), "eu-central-1", "http://127.0.0.1:1", SECOND)
    configure(kms, primary="hybrid-primary")

    assert set(found()) == {"documents.E006"}


def test_readiness_asks_the_key_service(tier: Service, client: Client) -> None:
    assert Readiness()()["key_service"]
    tier.kill()
    answer = Readiness()()
    assert (answer["key_service"], answer["keys"]) == (False, True)


def test_readiness_says_when_the_service_holds_another_key(tier: Service, settings: Settings, tmp_path: Path) -> None:
    directory = write_keys(tmp_path / "other", seal_only=True, primary="stranger")
    settings.VAULT = replace(settings.VAULT, keys=replace(settings.VAULT.keys, directory=directory))

    assert not Readiness()()["key_service"]


def test_without_a_key_service_there_is_no_such_part() -> None:
    assert "key_service" not in Readiness()()


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (7.5, "8")])
def test_whoever_is_too_fast_is_told_when_to_come_again(seconds: float, header: str) -> None:
    error: VaultError = KeyServiceRefused(timedelta(seconds=seconds))

    answer = problem_response(error)

    assert isinstance(answer, JsonResponse)
    assert (answer.status_code, answer["Retry-After"]) == (503, header)
    assert b"VAULT_UNWRAP_RATE" not in answer.content
