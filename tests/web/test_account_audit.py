"""What happens to accounts stands in the audit log, and nothing that was typed."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from documents.models import AuditEvent
from tests.conftest import PASSWORD

SIGN_IN = "/accounts/login/"
MISTYPED = "a password typed into the wrong field"


def actions() -> list[tuple[str, str]]:
    return [(event.action, event.actor_name) for event in AuditEvent.objects.order_by("id")]


def test_signing_in_and_being_refused(alice: User) -> None:
    client = Client()
    client.post(SIGN_IN, {"login": "alice", "password": "wrong"})
    client.post(SIGN_IN, {"login": MISTYPED, "password": "wrong"})
    client.post(SIGN_IN, {"login": "alice", "password": PASSWORD})

    assert actions() == [
        ("account.sign-in-refused", "alice"),
        ("account.sign-in-refused", ""),
        ("account.signed-in", "alice"),
    ]
    assert MISTYPED not in str(list(AuditEvent.objects.values()))


def test_a_password_that_its_owner_changes(alice: User, client_of: Callable[[User | None], Client]) -> None:
    browser = client_of(alice)
    browser.get("/accounts/password/change/")
    new = "another long password, and better"
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    browser.post("/accounts/password/change/", data, headers={"X-CSRFToken": browser.cookies["csrftoken"].value})

    alice.refresh_from_db()
    assert alice.check_password(new)
    assert actions() == [("account.password-changed", "alice")]


def test_a_password_that_the_operator_sets(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    typed: Any = lambda **_: "another long password, and better"  # noqa: E731
    monkeypatch.setattr("django.contrib.auth.management.commands.changepassword.getpass.getpass", typed)
    call_command("changepassword", "alice")

    event = AuditEvent.objects.get(action="account.password-changed")
    assert (event.via, event.detail) == ("command", {"subject": alice.pk})


def test_second_factors_are_removed_for_who_lost_them(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")

    call_command("remove_second_factor", "alice")

    assert "password alone" in capsys.readouterr().out
    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.get(action="account.second-factor-removed").detail == {"subject": alice.pk}
    for name in ("alice", "nobody"):
        with pytest.raises(CommandError):
            call_command("remove_second_factor", name)
    assert AuditEvent.objects.count() == 1
