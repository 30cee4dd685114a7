"""What lists of long runs have in common: each row leads to the run's own page, which shows it live."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path

from documents.admin.readonly import ReadOnlyAdmin


class RunsAdmin(ReadOnlyAdmin):
    """Newest first; nothing is changed but through what a run's page offers.

    A subclass says what the list is called, who may look and who may operate, and which view is the page of one run.
    """

    heading = ""
    list_select_related = ("created_by",)
    list_per_page = 20  # the parts of every run on it are added up
    without_user = "command"

    def may_look(self, request: HttpRequest) -> bool:
        raise NotImplementedError

    def may_operate(self, request: HttpRequest) -> bool:
        raise NotImplementedError

    def page_of(self, request: HttpRequest, pk: int) -> HttpResponse:
        raise NotImplementedError

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_look(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"title": self.heading, "may_operate": self.may_operate(request)} | (extra_context or {})
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The run's own page takes the place of the form."""
        if not self.may_look(request):
            raise PermissionDenied
        if not (object_id.isascii() and object_id.isdigit()):
            raise Http404
        return self.page_of(request, int(object_id))

    def view_at(self, name: str, route: str, function: Callable[..., HttpResponseBase]) -> Any:
        """Return the path of a view of this admin, which has the name of the model before its own."""
        named = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        return path(route, self.admin_site.admin_view(function), name=named)

    @admin.display(description="Run")
    def run(self, run: Any) -> str:
        return str(run.pk)

    @admin.display(description="By")
    def by(self, run: Any) -> str:
        """Commands and the schedule have no user."""
        return run.created_by.get_username() if run.created_by else self.without_user
