"""Uploads that are not documents yet, and objects that no row needs any more."""

import uuid

from django.conf import settings
from django.db import models

from documents.models.sealed import SealedObject


class StagedAttachment(SealedObject):
    """An upload not confirmed yet.

    RECEIVING: the intent, committed before the first byte is stored. The process that receives holds a lease and a
    fence; who finds the lease over takes the fence one higher, and every write of the former holder then misses.
    STAGED: the object is stored and verified; it waits to be confirmed until ``expires_at``.
    DISCARDED: nobody will confirm it; the sweeper deletes the object and, a grace period later, once more and the row.

    ``document_id`` is the id of the document that confirming will make: it is sealed into the envelope. ``title`` is
    what its owner typed so far, or empty.
    """

    class State(models.TextChoices):
        RECEIVING = "receiving"
        STAGED = "staged"
        DISCARDED = "discarded"

    id = models.UUIDField("ID", primary_key=True, default=uuid.uuid4, editable=False)
    document_id = models.UUIDField("ID of the document to be", default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="staged_attachments"
    )
    title = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVING)
    fence = models.PositiveIntegerField("holders of the lease so far", default=1)
    created_at = models.DateTimeField("begun", auto_now_add=True)
    expires_at = models.DateTimeField("kept until")

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["state", "expires_at"], name="staged_due"),
            models.Index(fields=["owner", "state", "-created_at"], name="staged_owner"),
            models.Index(fields=["storage_path"], name="staged_path"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


class ObjectRemoval(models.Model):
    """An object to delete: written in the transaction that deletes its last row, gone once the object is.

    ``with_sidecars``: it was rewrapped, so that newer key blocks beside it go too.
    """

    storage_type = models.CharField("store", max_length=50)
    storage_path = models.CharField("object key", max_length=500)
    attachment_id = models.UUIDField("ID of the attachment")
    with_sidecars = models.BooleanField(default=True)
    requested_at = models.DateTimeField("waiting since", auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["requested_at", "id"]
        indexes = [
            models.Index(fields=["attachment_id"], name="removal_attachment"),
            models.Index(fields=["storage_path"], name="removal_path"),
        ]

    def __str__(self) -> str:
        return f"{self.storage_type}:{self.storage_path}"
