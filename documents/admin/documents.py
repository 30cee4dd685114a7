"""Documents and attachments."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from documents.admin.readonly import ReadOnlyAdmin
from documents.models import Attachment, Document

SEALED_FIELDS = ("filename", "content_type", "size", "sealed_size", "storage_type", "storage_path", "digest", "kek_id")


class AttachmentInline(admin.TabularInline):
    model = Attachment
    fields = readonly_fields = ("id", "version", "filename", "size", "storage_type", "created_at", "suspect_at")
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = ("title", "owner", "created_at", "id")
    list_select_related = ("owner",)
    search_fields = ("title", "=owner__username")
    date_hierarchy = None
    fields = ("id", "title", "owner", "created_at", "updated_at")
    inlines = (AttachmentInline,)


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    list_display = ("id", "document", "version", "size", "storage_type", "created_at", "suspect_at")
    list_select_related = ("document",)
    list_filter = ("storage_type", ("suspect_at", admin.EmptyFieldListFilter))
    search_fields = ("=id", "=storage_path", "=digest")
    fields = ("id", "document", "version", *SEALED_FIELDS, "created_at", "suspect_at")
