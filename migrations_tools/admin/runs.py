"""The list of runs, the page of one, and which address leads where."""

from datetime import UTC
from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from documents.admin.runs import RunsAdmin
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
class MigrationRunAdmin(RunsAdmin):
    """Every migration between stores."""

    heading = "Storage migrations"
    list_display = ("run", "kind", "destination", "state", "done", "successful", "failed", "skipped", "by", "made")

    def may_look(self, request: HttpRequest) -> bool:
        return may_look(request)

    def may_operate(self, request: HttpRequest) -> bool:
        return may_operate(request)

    def page_of(self, request: HttpRequest, pk: int) -> HttpResponse:
        return page(request, pk)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Count the items of the page's runs at once."""
        changelist = super().get_changelist_instance(request)
        runs = list(changelist.result_list)
        counted = counts_of(runs)
        for run in runs:
            run.counts = counted[run.pk]
        changelist.result_list = runs
        return changelist

    def get_urls(self) -> list[Any]:
        return [
            self.view_at("start", "start/", start),
            self.view_at("progress", "<int:pk>/progress/", progress),
            self.view_at("report", "<int:pk>/report/<str:form>/", report),
            self.view_at("cancel", "<int:pk>/cancel/", cancel),
            self.view_at("remove", "<int:pk>/remove/", remove),
            *(
                self.view_at(name, f"<int:pk>/{name}/", partial(act, name=name))
                for name in ("pause", "resume", "retry")
            ),
            *super().get_urls(),
        ]

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

    @admin.display(description="Made at")
    def made(self, run: MigrationRun) -> str:
        return f"{run.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
