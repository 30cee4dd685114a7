"""What happened, to what, by whom: written in the transaction of the change itself."""

from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """One row per change or access. Rows are only ever added.

    It names people and things by id and keeps them as they were: no foreign key that a deletion could empty. ``detail``
    holds facts of the action (sizes, reasons), never names of documents, plaintext or tokens.
    """

    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=50)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    actor_name = models.CharField("by", max_length=150, blank=True)
    via = models.CharField(max_length=20)
    ip = models.GenericIPAddressField("IP address", null=True)
    request_id = models.CharField("ID of the request", max_length=64, blank=True)
    document_id = models.UUIDField("ID of the document", null=True)
    attachment_id = models.UUIDField("ID of the attachment", null=True)
    link_id = models.UUIDField("ID of the link", null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["document_id", "-id"], name="audit_document"),
            models.Index(fields=["attachment_id", "-id"], name="audit_attachment"),
            models.Index(fields=["actor", "-id"], name="audit_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action}"
