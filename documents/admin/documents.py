"""Documents and attachments."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from documents.admin.columns import SizesInWords, YesOrNo
from documents.admin.readonly import ReadOnlyAdmin
from documents.models import Attachment, Document

SEALED_FIELDS = (
    "filename",
    "content_type",
    "size_in_words",
    "stored_size",
    "storage_type",
    "storage_path",
    "digest",
    "kek_id",
)


class AttachmentInline(SizesInWords, admin.TabularInline):
    """The versions of a document, each with a way to its own page. None is added, changed or removed here."""

    model = Attachment
    fields = readonly_fields = (
        "id",
        "version",
        "filename",
        "size_in_words",
        "storage_type",
        "created_at",
        "suspect_at",
    )
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    """Whose documents there are, by title. No way leads from here to their bytes."""

    list_display = ("title", "owner", "created_at", "id")
    list_select_related = ("owner",)
    search_fields = ("title", "=owner__username")
    date_hierarchy = None
    fields = ("id", "title", "owner", "created_at", "updated_at")
    inlines = (AttachmentInline,)


@admin.register(Attachment)
class AttachmentAdmin(SizesInWords, ReadOnlyAdmin):
    """Where each sealed object lies and under which KEK; the filter on ``suspect_at`` finds the damaged ones."""

    list_display = ("id", "document", "version", "size_in_words", "storage_type", "created_at", "suspect_at")
    list_select_related = ("document",)
    list_filter = ("storage_type", ("suspect_at", YesOrNo))
    search_fields = ("=id", "=storage_path", "=digest")
    fields = ("id", "document", "version", *SEALED_FIELDS, "created_at", "suspect_at")
