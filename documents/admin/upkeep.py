"""Runs of rotation, sealing anew and verification: the list, the page of one with live progress, what can be done."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError

from documents.admin.runs import RunsAdmin
from documents.errors import ConfigurationError
from documents.http.caller import actor_of
from documents.models import UpkeepRun
from documents.models.upkeep import TRANSITIONS, UpkeepState
from documents.services.actors import Actor
from documents.upkeep import runs
from documents.upkeep.errors import RunRefused
from documents.upkeep.figures import figures_of
from documents.upkeep.report import report_of
from documents.upkeep.tasks import wake
from documents.upkeep.verify import begin_verifying
from documents.wording import duration_in_words

TEMPLATES = "admin/documents/upkeeprun"
OPERATE = "documents.operate_upkeeprun"
# Findings on the page; the report has all of them. Seconds between two looks of a browser.
MOST_SHOWN, LOOK = 50, 2
MEDIA_TYPES = {"text": "text/plain; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}
ACTIONS: dict[str, tuple[UpkeepState, Callable[[UpkeepRun, Actor], object], str]] = {
    "pause": (UpkeepState.PAUSED, runs.pause, "The batch in work is ended; then the run stands still."),
    "resume": (UpkeepState.RUNNING, runs.resume, "The run goes on where it was."),
    "cancel": (UpkeepState.CANCELLED, runs.cancel, "The run is given up. What was done stays done."),
}


def may_operate(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(OPERATE))


def may_look(request: HttpRequest) -> bool:
    """Whoever operates runs sees them too."""
    return bool(request.user.has_perm("documents.view_upkeeprun")) or may_operate(request)


def run_for(request: HttpRequest, pk: int) -> UpkeepRun:
    """Return the run. Raises PermissionDenied to whoever may not look, whether it exists or not, and Http404."""
    if not may_look(request):
        raise PermissionDenied
    return get_object_or_404(UpkeepRun.objects.select_related("created_by"), pk=pk)


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: how far it is, what was found, and what can be done about it."""
    run = run_for(request, pk)
    context = admin.site.each_context(request) | {"title": str(run).capitalize(), "forms": list(MEDIA_TYPES)}
    return TemplateResponse(request, f"{TEMPLATES}/run.html", context | _progress(request, run))


@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes, for htmx."""
    return TemplateResponse(request, f"{TEMPLATES}/_progress.html", _progress(request, run_for(request, pk)))


@require_safe
def report(request: HttpRequest, pk: int, form: str) -> StreamingHttpResponse:
    """Computed while it is sent, in flat memory."""
    run = run_for(request, pk)
    if form not in MEDIA_TYPES:
        raise Http404
    ending = "txt" if form == "text" else form
    disposition = f'attachment; filename="run-{run.pk}.{ending}"'
    return StreamingHttpResponse(
        report_of(run, form), content_type=MEDIA_TYPES[form], headers={"Content-Disposition": disposition}
    )


@require_POST
def act(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Do it, and go back to the run's page. A refusal is told there."""
    if not may_operate(request):
        raise PermissionDenied
    run, (_state, do, told) = run_for(request, pk), ACTIONS[name]
    try:
        do(run, actor_of(request, "admin"))
    except RunRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, told)
        _wake(request, run)
    return _to_page_of(run)


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Begin to read everything that is stored, and go to the page of that run."""
    if not may_operate(request):
        raise PermissionDenied
    try:
        run = begin_verifying(actor_of(request, "admin"))
    except (RunRefused, ConfigurationError) as refusal:
        messages.error(request, refusal.for_people())
        return HttpResponseRedirect(reverse("admin:documents_upkeeprun_changelist"))
    messages.success(request, f"Run {run.pk} was begun: every object is read and compared with its row.")
    _wake(request, run)
    return _to_page_of(run)


def _progress(request: HttpRequest, run: UpkeepRun) -> dict[str, Any]:
    figures = figures_of(run)
    following = TRANSITIONS[UpkeepState(run.state)]
    possible = [name for name, (state, _do, _told) in ACTIONS.items() if state in following]
    is_running = run.state == UpkeepState.RUNNING
    return {
        "run": run,
        "figures": figures,
        "elapsed": duration_in_words(figures.elapsed),
        "remaining": duration_in_words(figures.remaining) if is_running and figures.remaining else "",
        "findings": run.findings.order_by("pk")[:MOST_SHOWN],
        "possible": possible if may_operate(request) else [],
        "next_look": LOOK if is_running else None,
        "kek": str(run.options.get("primary", ""))[:16],
    }


def _wake(request: HttpRequest, run: UpkeepRun) -> None:
    if run.state != UpkeepState.RUNNING:
        return
    try:
        wake(run)
    except (OperationalError, OSError):
        messages.warning(
            request, "The broker does not answer, so that no worker was sent for. The run begins once it is back."
        )


def _to_page_of(run: UpkeepRun) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:documents_upkeeprun_change", args=[run.pk]))


@admin.register(UpkeepRun)
class UpkeepRunAdmin(RunsAdmin):
    """Rotations, sealing anew, verifications."""

    heading = "Rotations and verifications"
    without_user = "command or schedule"
    list_display = ("run", "kind", "state", "done", "found", "by", "created_at")

    def may_look(self, request: HttpRequest) -> bool:
        return may_look(request)

    def may_operate(self, request: HttpRequest) -> bool:
        return may_operate(request)

    def page_of(self, request: HttpRequest, pk: int) -> HttpResponse:
        return page(request, pk)

    def get_urls(self) -> list[Any]:
        return [
            self.view_at("verify", "verify/", verify),
            self.view_at("progress", "<int:pk>/progress/", progress),
            self.view_at("report", "<int:pk>/report/<str:form>/", report),
            *(self.view_at(name, f"<int:pk>/{name}/", partial(act, name=name)) for name in ACTIONS),
            *super().get_urls(),
        ]

    @admin.display(description="Done")
    def done(self, run: UpkeepRun) -> str:
        figures = figures_of(run)
        return f"{figures.seen:,} of {figures.total:,}"

    @admin.display(description="Findings")
    def found(self, run: UpkeepRun) -> str:
        return f"{run.findings.count():,}"
