"""Links: seen by staff, and ended by those who have the permission to change them."""

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize

from documents.admin.columns import YesOrNo
from documents.admin.readonly import ReadOnlyAdmin
from documents.http.caller import actor_of
from documents.models import Link
from documents.services.links import end_link


@admin.register(Link)
class LinkAdmin(ReadOnlyAdmin):
    """Links without their URLs: the vault keeps hashes alone. To end one asks for ``change_link``."""

    list_display = (
        "id",
        "document",
        "created_by",
        "created_at",
        "expires_at",
        "revoked_at",
        "downloads",
        "max_downloads",
    )
    list_select_related = ("document", "created_by")
    list_filter = (("revoked_at", YesOrNo),)
    search_fields = ("=id", "=created_by__username")
    fields = (*list_display, "attachment", "wrong_passwords", "locked_until")
    actions = ("revoke_links",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("documents.change_link")

    @admin.action(description="Revoke the selected links", permissions=["revoke"])
    def revoke_links(self, request: HttpRequest, links: QuerySet[Model]) -> None:
        """End each link now, audited as the member of staff who did it."""
        ended = sum(end_link(link, actor_of(request, "admin")) for link in links if isinstance(link, Link))
        self.message_user(request, f"{ended} link{pluralize(ended)} revoked.", messages.SUCCESS)
