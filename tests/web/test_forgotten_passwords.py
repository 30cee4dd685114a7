"""Forgotten passwords: by mail where there is mail, by the operator where there is none; never by the log."""

import logging

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.test.client import RequestFactory
from pytest_django.fixtures import Settings

from documents.redaction import redacted
from documents.web.middleware import RequestLogMiddleware

RESET = "/accounts/password/reset/"


@pytest.mark.parametrize(
    "path", ["/l/canary-token", "/accounts/password/reset/key/1-canary-token/", "/accounts/confirm-email/MQ:canary:x/"]
)
def test_no_path_that_grants_access_is_logged(path: str) -> None:
    line = RequestLogMiddleware.format_request(RequestFactory().get(path))

    assert line == f"GET {path[: path.index('canary')].removesuffix('1-').removesuffix('MQ:')}[redacted]"
    assert "canary" not in redacted(f"Not Found: https://vault.example.com{path}?next=/")
    assert redacted("GET /documents/ 200") == "GET /documents/ 200"


def test_a_reset_by_mail_works_and_its_link_is_in_no_log(
    alice: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.MAIL_IS_SENT = True
    client = Client()
    with caplog.at_level(logging.DEBUG):
        done = client.post(RESET, {"email": alice.email}, follow=True)
        assert b"Look into your mail" in done.content
        [message] = mail.outbox
        link = next(word for word in str(message.body).split() if "/reset/key/" in word)
        assert client.get(link).status_code == 302
    key = link.rsplit("/key/", 1)[1].strip("/")
    assert [line for line in caplog.messages if key in redacted(line)] == []


def test_without_mail_the_page_says_who_resets_passwords(alice: User, settings: Settings) -> None:
    settings.MAIL_IS_SENT = False
    client = Client()

    assert RESET.encode() in client.get("/accounts/login/").content
    for page in (client.get(RESET), client.post(RESET, {"email": alice.email}, follow=True)):
        assert b"Ask whoever runs it" in page.content
        assert b"on its way" not in page.content
        assert b'name="email"' not in page.content
