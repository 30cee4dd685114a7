"""The upload page says what the policy for documents allows, and each way in keeps to it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from documents.conf.storage_file import StorageFile
from documents.models import StagedAttachment
from documents.storage.policies import DEFAULT, Policy
from documents.templatetags.vault import types_in_words

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser(alice: User, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(alice)


@pytest.fixture
def strict(settings: Settings) -> None:
    """Documents are PDFs or images of at most 2 KiB, kept for a month."""
    rule = Policy(
        DEFAULT,
        store=settings.VAULT.storage_type,
        max_size=2048,
        allowed_types=("application/pdf", "image/*"),
        retention=timedelta(days=30),
    )
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(policies=(rule,)))


def page_of(browser: Client) -> str:
    return " ".join(browser.get("/upload/").content.decode().replace("\xa0", " ").split())


def send(browser: Client, content: bytes, content_type: str) -> int:
    browser.get("/upload/")
    headers = {"X-Filename": "a", "X-CSRFToken": browser.cookies["csrftoken"].value}
    return browser.generic("POST", "/upload/raw", content, content_type, headers=headers).status_code


def test_the_page_says_limit_types_and_retention_of_the_policy(browser: Client, strict: None) -> None:
    page = page_of(browser)

    assert 'accept="application/pdf,image/*"' in page
    assert 'data-max-size="2048"' in page
    assert 'data-types="application/pdf image/*" data-types-text="PDF or images"' in page
    assert 'Allowed are PDF or images</span>, up to <span title="2,048 bytes">2.0 KB</span> each.' in page
    assert "Each must be kept for 30 days" in page


def test_without_a_policy_any_type_is_taken_to_the_limit_of_the_vault(browser: Client, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, max_upload_size=1024)
    page = page_of(browser)

    assert " accept=" not in page
    assert 'data-types=""' in page
    assert 'Any type, up to <span title="1,024 bytes">1.0 KB</span> each.' in page
    assert "must be kept" not in page


def test_a_policy_cannot_raise_the_limit_of_the_vault(browser: Client, settings: Settings, strict: None) -> None:
    settings.VAULT = replace(settings.VAULT, max_upload_size=1024)

    assert 'data-max-size="1024"' in page_of(browser)


def test_what_breaks_the_policy_is_refused_and_leaves_nothing(browser: Client, strict: None) -> None:
    assert send(browser, b"%PDF" + bytes(2045), "application/pdf") == 413
    assert send(browser, b"<p>", "text/html") == 415
    assert not StagedAttachment.objects.exists()
    assert send(browser, b"%PDF" + bytes(2044), "application/pdf") == 201


def test_a_refusal_by_the_announced_length_names_the_limit_of_the_policy(browser: Client, strict: None) -> None:
    browser.get("/upload/")
    headers = {"X-Filename": "a", "X-CSRFToken": browser.cookies["csrftoken"].value}
    refused = browser.generic("POST", "/upload/raw", bytes(3_000_000), "application/pdf", headers=headers)

    assert refused.status_code == 413
    assert "The limit is 2,048 bytes" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ((), ""),
        (("application/pdf",), "PDF"),
        (("application/pdf", "text/plain", "image/*"), "PDF, TXT or images"),
        (("application/x-ours", "video/*"), "application/x-ours or videos"),
    ],
)
def test_types_are_said_in_words(types: tuple[str, ...], words: str) -> None:
    assert types_in_words(types) == words
