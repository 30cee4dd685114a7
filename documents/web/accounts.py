"""How allauth behaves here."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from documents.http.caller import client_network
from documents.web.account_audit import record_refused_sign_in
from documents.web.account_secrets import decrypt_secret, encrypt_secret


class VaultAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no type hints
    """Nobody signs up by themselves unless ``VAULT_SIGNUP_OPEN`` says so."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  # allauth's signature
        return bool(settings.VAULT.signup_open)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Audit the refusal of a sign-in."""
        record_refused_sign_in(request, str(credentials.get("username") or ""))

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_network(request) or "unknown"


class VaultMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no type hints
    """TOTP secrets and the seeds of recovery codes are encrypted in the database."""

    def encrypt(self, text: str) -> str:
        return encrypt_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt_secret(encrypted_text)
