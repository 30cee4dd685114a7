"""The list of runs, the page of one, and which address leads where."""

from collections.abc import Callable
from datetime import UTC
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_safe

from documents.admin.readonly import ReadOnlyAdmin
from migrations_tools.admin.access import may_look, may_operate, run_for
from migrations_tools.admin.actions import act, cancel, remove
from migrations_tools.admin.listing import Counts, counts_of, purpose_of
from migrations_tools.admin.progress import progress_of
from migrations_tools.admin.reporting import FILES, report
from migrations_tools.admin.starting import start
from migrations_tools.models import MigrationRun

TEMPLATES = "admin/migrations_tools/migrationrun"


@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes, for htmx."""
    return TemplateResponse(request, f"{TEMPLATES}/_progress.html", _progress_context(request, run_for(request, pk)))


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: how far it is, what failed and why, and what can be done about it."""
    run = run_for(request, pk)
    title = f"Run {run.pk}: {purpose_of(run)}"
    context = (
        admin.site.each_context(request) | {"title": title, "forms": list(FILES)} | _progress_context(request, run)
    )
    return TemplateResponse(request, f"{TEMPLATES}/run.html", context)


def _progress_context(request: HttpRequest, run: MigrationRun) -> dict[str, Any]:
    told = progress_of(run)
    operates = may_operate(request)
    return {"run": run, "progress": told, "may_operate": operates, "possible": told.possible if operates else []}


@admin.register(MigrationRun)
class MigrationRunAdmin(ReadOnlyAdmin):
    """Newest first. Each row leads to the run's own page; nothing is changed but through ``control``."""

    list_display = ("run", "kind", "destination", "state", "done", "successful", "failed", "skipped", "by", "made")
    list_select_related = ("created_by",)
    list_per_page = 20  # the items of every run on it that is not over are counted

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Count the items of the page's runs at once."""
        changelist = super().get_changelist_instance(request)
        runs = list(changelist.result_list)
        counted = counts_of(runs)
        for run in runs:
            run.counts = counted[run.pk]
        changelist.result_list = runs
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"title": "Storage migrations", "may_operate": may_operate(request)} | (extra_context or {})
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The run's own page takes the place of the form."""
        if not may_look(request):
            raise PermissionDenied
        if not (object_id.isascii() and object_id.isdigit()):
            raise Http404
        return page(request, int(object_id))

    def get_urls(self) -> list[Any]:
        def view(name: str, route: str, function: Callable[..., HttpResponseBase]) -> Any:
            return path(route, self.admin_site.admin_view(function), name=f"migrations_tools_migrationrun_{name}")

        return [
            view("start", "start/", start),
            view("progress", "<int:pk>/progress/", progress),
            view("report", "<int:pk>/report/<str:form>/", report),
            view("cancel", "<int:pk>/cancel/", cancel),
            view("remove", "<int:pk>/remove/", remove),
            *(view(name, f"<int:pk>/{name}/", partial(act, name=name)) for name in ("pause", "resume", "retry")),
            *super().get_urls(),
        ]

    @admin.display(description="Run")
    def run(self, run: MigrationRun) -> str:
        return str(run.pk)

    @admin.display(description="Done")
    def done(self, run: Any) -> str:
        """Of all items those that are over."""
        counts: Counts = run.counts
        return f"{counts.over:,} of {counts.total:,}"

    @admin.display(description="Successful")
    def successful(self, run: Any) -> str:
        return f"{run.counts.successful:,}"

    @admin.display(description="Failed")
    def failed(self, run: Any) -> str:
        return f"{run.counts.failed:,}"

    @admin.display(description="Skipped")
    def skipped(self, run: Any) -> str:
        return f"{run.counts.skipped:,}"

    @admin.display(description="By")
    def by(self, run: MigrationRun) -> str:
        """A command has no user."""
        return run.created_by.get_username() if run.created_by else "command"

    @admin.display(description="Made at")
    def made(self, run: MigrationRun) -> str:
        return f"{run.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
