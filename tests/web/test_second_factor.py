"""Second factors: what they consist of is not in the database, and they work."""

import json

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from documents.errors import ConfigurationError
from documents.web.account_secrets import decrypt_secret, encrypt_secret
from tests.conftest import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_now() -> str:
    counters = list(yield_hotp_counters_from_time())
    return str(format_hotp_value(hotp_value(SECRET, counters[len(counters) // 2])))


def answer_with(code: str) -> Client:
    """Sign Alice in by password, then with this code."""
    client = Client()
    asked = client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert asked["Location"] == "/accounts/2fa/authenticate/"
    client.post("/accounts/2fa/authenticate/", {"code": code})
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def test_secrets_and_seeds_are_not_in_the_database(alice: User) -> None:
    TOTP.activate(alice, SECRET)
    codes = RecoveryCodes.activate(alice)
    seed = decrypt_secret(codes.instance.data["seed"])

    stored = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert Authenticator.objects.count() == 2
    assert SECRET not in stored
    assert seed not in stored
    assert len(seed) == 80
    assert codes.generate_codes()[0] not in stored


def test_signing_in_takes_the_code(alice: User) -> None:
    TOTP.activate(alice, SECRET)

    assert not is_signed_in(answer_with("000000"))
    assert is_signed_in(answer_with(code_now()))


def test_signing_in_takes_a_recovery_code_once(alice: User) -> None:
    TOTP.activate(alice, SECRET)
    code = RecoveryCodes.activate(alice).generate_codes()[3]

    assert is_signed_in(answer_with(code))
    assert not is_signed_in(answer_with(code))


def test_second_factors_outlive_a_change_of_the_secret_key(alice: User, settings: Settings) -> None:
    TOTP.activate(alice, SECRET)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-" * 8

    assert is_signed_in(answer_with(code_now()))


def test_a_secret_of_an_unknown_key_is_a_clear_error(settings: Settings) -> None:
    encrypted = encrypt_secret(SECRET)
    settings.SECRET_KEY = "another-" * 8

    with pytest.raises(ConfigurationError, match="SECRET_KEY_FALLBACKS"):
        decrypt_secret(encrypted)
