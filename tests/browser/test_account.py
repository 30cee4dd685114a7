"""Signing in, the second factor, and passkeys: allauth's pages under our policy, scripts and all."""

import base64
import hmac
import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.prepare import PASSWORD

Visit = Callable[..., Page]
TOTP_SECONDS = 30  # RFC 6238 §4


def test_a_wrong_password_is_refused_in_words(visit: Visit) -> None:
    page = visit(None)
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("not correct")


def test_signing_out_ends_the_session(visit: Visit) -> None:
    page = visit(None)
    sign_in(page, "dora")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_authenticator_app_becomes_a_second_factor(visit: Visit) -> None:
    page = visit(None)
    sign_in(page, "charlie")
    _open_guarded(page, "/accounts/2fa/totp/activate/")
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    page.get_by_label("Authenticator code").fill(_code(page.get_by_label("Authenticator secret").input_value()))
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text(re.compile("recovery codes", re.IGNORECASE)).first).to_be_visible()
    page.goto("/accounts/2fa/")
    expect(page.get_by_text("Authentication using an authenticator app is active.")).to_be_visible()


def test_a_passkey_is_added_and_signs_in(visit: Visit) -> None:
    page = visit(None)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    resident = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    options = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True, **resident}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in(page, "erin")
    _open_guarded(page, "/accounts/2fa/webauthn/add/")
    page.get_by_label("Name").fill("Laptop")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#messages")).to_contain_text("Security key added")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Documents")).to_be_visible()


def _open_guarded(page: Page, path: str) -> None:
    """Open a page that asks for the password once more."""
    page.goto(path)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"**{path}")


def _code(secret: str) -> str:
    """The six digits an authenticator app would show now (RFC 6238, RFC 4226 §5.3)."""
    counter = (int(time.time()) // TOTP_SECONDS).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    place = digest[-1] & 0x0F
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
