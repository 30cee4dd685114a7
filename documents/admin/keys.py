"""The key ring: which KEKs there are and how much is wrapped for each. No key, and nothing to press."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from documents.admin.readonly import ReadOnlyAdmin
from documents.errors import ConfigurationError, KeyRingError
from documents.models import KekRecord
from documents.services.kek_standing import WRAP_NAMES, KekStanding, list_keks, wrap_types


@admin.register(KekRecord)
class KekRecordAdmin(ReadOnlyAdmin):
    """The newest first. What is done to a KEK is done by commands, on the machine that has the key files."""

    list_display = ("fingerprint", "role", "wrap", "attachments", "created_at", "made_primary_at")
    fields = (
        *("kek_id", "purpose", "wrap", "bits", "created_at", "made_primary_at"),
        *("made_recovery_at", "replaced_at", "retired_at"),
        *("destruction_due_at", "destruction_begun_at", "destroyed_at"),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look at the ring once for the page."""
        standings = {standing.record.pk: standing for standing in _standings()}
        changelist = super().get_changelist_instance(request)
        records = list(changelist.result_list)
        for record in records:
            record.standing = standings.get(record.pk)
        changelist.result_list = records
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        counts = wrap_types()
        total = sum(counts.values())
        shares = [
            {"name": WRAP_NAMES.get(kind, str(kind)), "count": count, "percent": round(100 * count / total, 1)}
            for kind, count in sorted(counts.items())
        ]
        return super().changelist_view(request, {"title": "Key ring", "shares": shares} | (extra_context or {}))

    @admin.display(description="KEK id")
    def fingerprint(self, record: KekRecord) -> str:
        return str(record)

    @admin.display(description="Used for")
    def role(self, record: Any) -> str:
        """What the ring of the web server uses it for, or what became of it."""
        if record.destroyed_at:
            return "destroyed"
        if record.destruction_due_at:
            return "to be destroyed"
        if record.retired_at:
            return "retired"
        standing: KekStanding | None = record.standing
        return standing.role if standing else "not known here"

    @admin.display(description="Wrap")
    def wrap(self, record: KekRecord) -> str:
        return WRAP_NAMES.get(record.wrap_type, str(record.wrap_type))

    @admin.display(description="Attachments")
    def attachments(self, record: Any) -> str:
        return f"{record.standing.attachments:,}" if record.standing else ""


def _standings() -> list[KekStanding]:
    """None where the ring cannot be read: the log and /readyz say why."""
    try:
        return list_keks()
    except (ConfigurationError, KeyRingError):
        return []
