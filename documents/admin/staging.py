"""Uploads in progress or waiting, and objects that are still to be removed."""

from django.contrib import admin

from documents.admin.columns import SizesInWords
from documents.admin.documents import SEALED_FIELDS
from documents.admin.readonly import ReadOnlyAdmin
from documents.models import ObjectRemoval, StagedAttachment


@admin.register(StagedAttachment)
class StagedAttachmentAdmin(SizesInWords, ReadOnlyAdmin):
    """Uploads that are no documents yet, in the states that ``StagedAttachment`` tells of."""

    list_display = ("id", "owner", "state", "filename", "size_in_words", "storage_type", "created_at", "expires_at")
    list_select_related = ("owner",)
    list_filter = ("state", "storage_type")
    search_fields = ("=id", "=owner__username")
    fields = ("id", "document_id", "owner", "state", "fence", *SEALED_FIELDS, "created_at", "expires_at")


@admin.register(ObjectRemoval)
class ObjectRemovalAdmin(ReadOnlyAdmin):
    """Objects that the sweeper has still to remove, longest waiting first, and why it could not so far."""

    list_display = ("attachment_id", "storage_type", "storage_path", "requested_at", "attempts", "last_error")
    fields = list_display
