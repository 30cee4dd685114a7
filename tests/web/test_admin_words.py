"""What staff read in the admin: sizes and times in words that leave nothing open, and no names of columns."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.models import Attachment, Document, StagedAttachment
from documents.models.clock import database_now

LISTS = (
    *("document", "attachment", "stagedattachment", "link", "auditevent", "apitoken", "objectremoval"),
    "adoptedsource",
)
JARGON = ("Kek id", "Suspect at", "Api token", "Storage path", "Expires at", ">Ip<")


@pytest.fixture
def page(client_of: Callable[[User | None], Client], sam: User) -> Callable[[str], str]:
    client = client_of(sam)

    def text_of(path: str) -> str:
        response = client.get(f"/admin/documents/{path}")
        assert response.status_code == 200
        return " ".join(response.content.decode().replace("\xa0", " ").split())

    return text_of


@pytest.fixture
def attachment(store: Callable[..., Document]) -> Attachment:
    return store(bytes(1_258_291)).current_attachment()


def test_sizes_are_in_words_with_the_bytes_in_the_title(page: Callable[[str], str], attachment: Attachment) -> None:
    size = '<span title="1,258,291 bytes">1.2 MB</span>'
    stored = f'<span title="{attachment.sealed_size:,} bytes">'
    StagedAttachment.objects.create(size=1_258_291, expires_at=database_now())

    assert size in page("attachment/")
    assert size in page("stagedattachment/")
    assert size in page(f"document/{attachment.document_id}/change/")
    shown = page(f"attachment/{attachment.pk}/change/")
    assert size in shown
    assert stored in shown


def test_times_say_their_zone(page: Callable[[str], str], attachment: Attachment) -> None:
    Document.objects.update(created_at=datetime(2026, 3, 1, 14, 5, 9, tzinfo=UTC))

    assert "1 Mar 2026, 14:05:09 UTC" in page("document/")
    assert "1 Mar 2026, 14:05:09 UTC" in page(f"document/{attachment.document_id}/change/")
    assert " UTC</a>" in page("auditevent/")


@pytest.mark.parametrize("name", LISTS)
def test_no_page_speaks_in_names_of_columns(page: Callable[[str], str], attachment: Attachment, name: str) -> None:
    shown = page(f"{name}/")
    if name == "attachment":
        shown += page(f"attachment/{attachment.pk}/change/")

    assert [word for word in JARGON if word in shown] == []


def test_words_of_an_attachment(page: Callable[[str], str], attachment: Attachment) -> None:
    shown = page(f"attachment/{attachment.pk}/change/")

    for label in ("Store:", "Object key:", "Stored size:", "Key that seals it (KEK id):", "Check failed:"):
        assert label in shown


def test_a_filter_on_what_happened_asks_yes_or_no(page: Callable[[str], str], attachment: Attachment) -> None:
    sound, failed = page("attachment/?suspect_at__isempty=1"), page("attachment/?suspect_at__isempty=0")

    assert "By check failed" in sound
    assert str(attachment.pk) in sound
    assert str(attachment.pk) not in failed
    assert ">No</a>" in sound
    assert ">Yes</a>" in sound
