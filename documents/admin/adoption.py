"""Where documents came from that were not uploaded."""

from django.contrib import admin

from documents.admin.readonly import ReadOnlyAdmin
from documents.models import AdoptedSource


@admin.register(AdoptedSource)
class AdoptedSourceAdmin(ReadOnlyAdmin):
    """Originals that were adopted, newest first; those that are still read in place by a filter."""

    list_display = ("key", "place", "in_place", "attachment", "adopted_at")
    list_select_related = ("attachment",)
    list_filter = ("in_place",)
    search_fields = ("=attachment__id", "=identity")
    fields = ("place", "key", "size", "modified_at", "digest", "in_place", "attachment", "adopted_at")
