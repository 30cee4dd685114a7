"""Documents, and the attachments that hold their versions."""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Max
from django.db.models.functions import Now

from documents.errors import DocumentNotFound
from documents.models.sealed import SealedObject


class DocumentQuerySet(models.QuerySet["Document"]):
    """The one rule of who may see a document; reads and changes both start here."""

    def visible_to(self, user: User | AnonymousUser) -> "DocumentQuerySet":
        """Only the owner sees a document: no other user does, staff neither."""
        return self.filter(owner=user) if user.is_authenticated else self.none()

    def get_visible_to(self, user: User | AnonymousUser, document_id: uuid.UUID) -> "Document":
        """Return one document. Raises DocumentNotFound for what is not there and for what is not theirs, alike."""
        document = self.visible_to(user).filter(pk=document_id).first()
        if document is None:
            raise DocumentNotFound
        return document


class Document(models.Model):
    """What a person sees: a title and its versions. ``owner`` is None where the system owns it.

    ``attributes`` is what its owner noted beside it, dehydrated: only ``services.attributes`` reads and writes it.
    """

    id = models.UUIDField("ID", primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="documents"
    )
    title = models.CharField(max_length=255)
    attributes = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField("added", auto_now_add=True)
    updated_at = models.DateTimeField("changed", auto_now=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            # The list of one owner, newest first, read by keyset.
            models.Index(fields=["owner", "-created_at", "-id"], name="document_owner_newest"),
            models.Index(fields=["-created_at", "-id"], name="document_newest"),
        ]

    def __str__(self) -> str:
        return self.title

    def retained_until(self) -> datetime | None:
        """Return until when a version of it must be kept, by the database's clock, or None where none must any more."""
        kept = self.attachments.filter(retain_until__gt=Now())
        until: datetime | None = kept.aggregate(until=Max("retain_until"))["until"]
        return until

    def current_attachment(self) -> "Attachment":
        """Return the newest version. Raises DocumentNotFound where the document was deleted meanwhile."""
        attachment = Attachment.objects.filter(document_id=self.pk).order_by("-version").first()
        if attachment is None:
            raise DocumentNotFound
        return attachment


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    """Attachments by what their objects are."""

    def in_place(self) -> "AttachmentQuerySet":
        """Those whose objects are older envelopes still, as they were found."""
        return self.filter(recipients="", envelope_core=b"")  # the first has an index


class Attachment(SealedObject):
    """One stored, sealed object: one version of a document. Versions count from 1; the highest is current.

    ``suspect_at`` is set when the stored object failed to verify, and cleared by whoever repaired it.
    """

    id = models.UUIDField("ID", primary_key=True, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="attachments")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField("added", auto_now_add=True)
    suspect_at = models.DateTimeField("check failed", null=True, blank=True)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        ordering = ["document", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["document", "version"], name="attachment_version_once"),
            models.UniqueConstraint(fields=["storage_type", "storage_path"], name="attachment_object_once"),
        ]
        indexes = [
            models.Index(fields=["recipients"], name="attachment_recipients"),
            models.Index(fields=["storage_path"], name="attachment_path"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} v{self.version}"

    @property
    def is_in_place(self) -> bool:
        """Whether the object is still the older envelope that was found: of the vault's own there is none to keep."""
        return not self.envelope_core

    def refresh(self) -> None:
        """Read the row again; one that was sealed anew meanwhile has another id. Raises Attachment.DoesNotExist."""
        try:
            self.refresh_from_db()
        except Attachment.DoesNotExist:
            self.pk = Attachment.objects.only("pk").get(document_id=self.document_id, version=self.version).pk
            self.refresh_from_db()
