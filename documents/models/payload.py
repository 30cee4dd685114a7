"""JSON values too large for a row, sealed into storage."""

from django.conf import settings
from django.db import models

from documents.models.document import Document
from documents.models.sealed import SealedObject


class Payload(SealedObject):
    """One sealed part of a dehydrated value. The envelope binds ``group_id`` and ``id``, which no document has.

    A payload is held by ``document``, whose attributes refer to it, or by a row of another app that its registered
    holder knows. Without either it is kept until ``due_at``; a sweep that finds it unheld then notes ``unheld_since``,
    and the next one, a grace period later, removes it.

    ``reference_digest`` is the SHA-256 of the reference as it was given out, in hex: a text that differs in anything is
    no reference to this row, and moving the object to another store later changes no reference.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    group_id = models.UUIDField(editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="payloads"
    )
    document = models.ForeignKey(Document, null=True, blank=True, on_delete=models.SET_NULL, related_name="payloads")
    attribution = models.CharField(max_length=100)
    schema_version = models.PositiveSmallIntegerField(default=1)
    reference_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    unheld_since = models.DateTimeField(null=True, blank=True)

    def refresh(self) -> None:
        """Read the row again. Raises Payload.DoesNotExist."""
        self.refresh_from_db()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["storage_type", "storage_path"], name="payload_object_once"),
        ]
        indexes = [
            models.Index(fields=["recipients"], name="payload_recipients"),
            models.Index(fields=["storage_path"], name="payload_path"),
            models.Index(fields=["due_at"], condition=models.Q(document=None), name="payload_due"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.attribution})"
