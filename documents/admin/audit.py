"""The audit log: read only, and in no other order than it was written."""

from datetime import UTC

from django.contrib import admin

from documents.admin.readonly import ReadOnlyAdmin
from documents.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Newest first. A search takes whole values alone: part of an id or of a name finds nothing."""

    list_display = ("moment", "action", "actor_name", "via", "ip", "document_id", "link_id")
    search_fields = ("=action", "=actor_name", "=document_id", "=attachment_id", "=link_id", "=request_id")
    search_help_text = "Search for the whole action, user name, or ID of a document, attachment, link or request."
    fields = (
        *("moment", "action", "actor_name", "via", "ip", "request_id"),
        *("document_id", "attachment_id", "link_id", "detail"),
    )

    @admin.display(description="At", ordering="id")
    def moment(self, event: AuditEvent) -> str:
        """To the second, and in the clock that every machine agrees on."""
        return f"{event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
