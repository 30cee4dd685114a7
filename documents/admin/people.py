"""People and groups: changed by superusers alone, and audited.

Whoever may set another's password or address can sign in as them and read their documents, which no permission of
staff may lead to.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from documents.http.caller import actor_of
from documents.services import audit

admin.site.unregister(User)
admin.site.unregister(Group)


class SuperusersChange(admin.ModelAdmin):
    """A mix-in: staff may look, where they have the permission; to change anything they must be superusers."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser) and super().has_delete_permission(request, obj)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, "added", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, "changed", obj, _changed_fields(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Model]) -> Any:
        for obj in queryset:
            self._audit(request, "deleted", obj)
        return super().log_deletions(request, queryset)

    def _audit(self, request: HttpRequest, what: str, obj: Model, fields: str = "") -> None:
        kind = "account" if isinstance(obj, User) else "group"
        audit.record(f"{kind}.{what}", actor_of(request, "admin"), subject=obj.pk, name=str(obj), fields=fields)


@admin.register(User)
class PeopleAdmin(SuperusersChange, UserAdmin):
    """Django's, within those limits."""


@admin.register(Group)
class GroupsAdmin(SuperusersChange, GroupAdmin):
    """Django's, within those limits."""


def _changed_fields(message: Any) -> str:
    """Return the names of the fields that Django's change message speaks of, never their values."""
    entries = message if isinstance(message, list) else []
    return ", ".join(sorted({field for entry in entries for field in entry.get("changed", {}).get("fields", ())}))
