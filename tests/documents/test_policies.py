"""Policies of the storage file, as documents follow them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from pytest_django.fixtures import Settings

from documents.conf.storage_file import StorageFile
from documents.errors import PolicyNotFound, RetentionActive, TypeNotAllowed, UploadTooLarge
from documents.models import Attachment, AuditEvent, Document, StagedAttachment
from documents.services.object_storage import ObjectStorageService
from documents.storage.base import StorageProvider
from documents.storage.policies import Policy

pytestmark = pytest.mark.django_db(transaction=True)

PDF = b"%PDF-1.7 a payslip"


@pytest.fixture
def service(settings: Settings, alice: User) -> ObjectStorageService:
    store = settings.VAULT.storage_type
    rules = (
        Policy(
            "payslips",
            store=store,
            max_size=1000,
            allowed_types=("application/pdf",),
            retention=timedelta(days=30),
            key_prefix="hr/payslips",
        ),
        Policy("documents", store=store, max_size=50, acknowledge_after_durable=False),
    )
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(policies=rules))
    return ObjectStorageService(alice)


def stored(service: ObjectStorageService, content: bytes = PDF, content_type: str = "application/pdf") -> Document:
    return service.store([content], filename="may.pdf", content_type=content_type, policy="payslips")


def test_a_document_is_stored_as_its_policy_says(service: ObjectStorageService) -> None:
    attachment = stored(service).current_attachment()

    assert attachment.storage_path.startswith("hr/payslips/documents/user_")
    assert attachment.retain_until is not None
    assert timedelta(days=30) - timedelta(minutes=1) < attachment.retain_until - attachment.created_at
    with service.retrieve(attachment.document_id) as download:
        assert b"".join(map(bytes, download)) == PDF


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (PDF, "text/html"),
        (b"MZ" + bytes(60), "application/pdf"),
        (b"no type is known of this", "application/octet-stream"),
        (b"\x89PNG\r\n\x1a\n" + PDF, ""),
    ],
)
def test_what_its_policy_does_not_allow_leaves_nothing(
    service: ObjectStorageService, provider: StorageProvider, content: bytes, content_type: str
) -> None:
    with pytest.raises(TypeNotAllowed, match="application/pdf"):
        stored(service, content, content_type)
    assert not StagedAttachment.objects.exists()
    assert list(provider.iter_locations("hr/")) == []


def test_a_type_that_the_first_bytes_tell_is_enough(service: ObjectStorageService) -> None:
    assert stored(service, PDF, "application/octet-stream").current_attachment().content_type == "application/pdf"


def test_the_lower_of_two_limits_holds(service: ObjectStorageService) -> None:
    stored(service, PDF + bytes(1000 - len(PDF)))
    with pytest.raises(UploadTooLarge, match="1,000"):
        stored(service, PDF + bytes(1001 - len(PDF)))
    with pytest.raises(UploadTooLarge, match="50"):
        service.store([bytes(51)], filename="a")
    assert service.store([bytes(50)], filename="a").current_attachment().retain_until is None


def test_a_document_is_not_deleted_before_its_time(service: ObjectStorageService, alice: User) -> None:
    document = stored(service)
    browser = Client()
    browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    page = browser.get(f"/documents/{document.pk}/")
    assert "cannot be deleted before" in page.content.decode()
    assert f"/documents/{document.pk}/delete" not in page.content.decode()

    with pytest.raises(RetentionActive):
        service.delete(document.pk)
    assert browser.post(f"/documents/{document.pk}/delete").status_code == 409
    assert not AuditEvent.objects.filter(action="document.deleted").exists()

    Attachment.objects.update(retain_until=F("retain_until") - timedelta(days=31))
    service.delete(document.pk)
    assert not Document.objects.exists()


def test_a_policy_that_is_not_there_is_told_before_anything_is_stored(service: ObjectStorageService) -> None:
    with pytest.raises(PolicyNotFound, match="documents, payslips"):
        service.store([b"x"], filename="a", policy="contracts")
    assert not StagedAttachment.objects.exists()
