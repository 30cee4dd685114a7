"""What the vault's rows have in common in the admin: they are looked at, and changed by services alone."""

from typing import cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

COUNTED_ROWS = 10_000


class CappedPaginator(Paginator):
    """Counts to a limit, so that a list of a million rows opens as fast as one of a hundred."""

    @cached_property
    def count(self) -> int:
        return len(cast("QuerySet[Model]", self.object_list).values("pk")[:COUNTED_ROWS])


class ReadOnlyAdmin(admin.ModelAdmin):
    """Nothing is added, changed or deleted here: that would pass by the rules, the objects and the audit log."""

    paginator = CappedPaginator
    show_full_result_count = False
    actions: tuple[str, ...] = ()

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        """A million rows have an index for the order they come in, and for no other."""
        return ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
