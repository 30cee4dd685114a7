"""What happens to accounts, in the audit log. allauth does it and tells by signals; no rule of ours hangs on them."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from django.contrib.auth.models import User
from django.dispatch import Signal
from django.http import HttpRequest

from documents.http.caller import client_ip, request_id
from documents.services import audit
from documents.services.actors import Actor

ACTIONS: dict[Signal, str] = {
    account.user_logged_in: "account.signed-in",
    account.user_signed_up: "account.signed-up",
    account.password_changed: "account.password-changed",
    account.password_set: "account.password-changed",
    account.password_reset: "account.password-reset",
    account.email_added: "account.email-added",
    account.email_changed: "account.email-changed",
    account.email_removed: "account.email-removed",
    mfa.authenticator_added: "account.second-factor-added",
    mfa.authenticator_removed: "account.second-factor-removed",
    mfa.authenticator_reset: "account.recovery-codes-made",
    mfa.authentication_failed: "account.second-factor-refused",
}


def listen() -> None:
    """Connect to every signal above, once."""
    for signal, action in ACTIONS.items():
        signal.connect(_receiver(action), weak=False, dispatch_uid=f"audit:{action}:{id(signal)}")


def record_refused_sign_in(request: HttpRequest, username: str) -> None:
    """A wrong password, or a name that nobody has. What was typed is not kept: it may be a password."""
    user = User.objects.filter(username=username).first() if username else None
    _record("account.sign-in-refused", request, user)


def _receiver(action: str) -> Any:
    def receive(request: HttpRequest, user: User, **_facts: Any) -> None:
        _record(action, request, user)

    return receive


def _record(action: str, request: HttpRequest, user: User | None) -> None:
    audit.record(action, Actor(user, "web", client_ip(request), request_id()))
