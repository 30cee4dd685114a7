"""What an operator does to a run that exists. Each is a POST, made and audited by ``control``."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from kombu.exceptions import OperationalError

from documents.http.caller import actor_of
from documents.services.actors import Actor
from migrations_tools import control, tasks
from migrations_tools.admin.access import demand_operator, run_for
from migrations_tools.errors import MigrationRefused
from migrations_tools.models import MigrationRun
from migrations_tools.removing import reason_to_stay, remove_run
from migrations_tools.states import RunState


@dataclass(frozen=True, slots=True)
class Action:
    """``told`` is what the operator reads once it was done."""

    do: Callable[[MigrationRun, Actor], object]
    told: str


ACTIONS = {
    "pause": Action(control.pause, "What is in work ends at its next piece; then the run stands still."),
    "resume": Action(control.resume, "The run goes on where it was."),
    "retry": Action(control.retry_failed, "What failed or was left is tried again."),
    "cancel": Action(control.cancel, "The run is given up. What was moved stays moved."),
}


CANCELLING = (
    "What was moved stays moved, and what is pending is let go. A run that was cancelled does not go on; a new one can "
    "be started later. To have it stand still for a while, pause it instead."
)
REMOVING = (
    "The run, its items and its report go. No object and no document is touched. Save the report first if it is to be "
    "kept: the audit log says only that the run was."
)


@require_POST
def act(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Do it, and go back to the run's page. A refusal is told there."""
    demand_operator(request)
    run, action = run_for(request, pk), ACTIONS[name]
    try:
        action.do(run, actor_of(request, "admin"))
    except MigrationRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, action.told)
        if run.state == RunState.QUEUED:
            wake(request, run)
    return to_page_of(run)


@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask first: a run that was cancelled does not go on."""
    if request.method == "POST":
        return act(request, pk, "cancel")
    demand_operator(request)
    return _question(request, run_for(request, pk), "cancel", CANCELLING)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask first, or say why the run has to stay; once it is removed, back to the list."""
    demand_operator(request)
    run = run_for(request, pk)
    if request.method != "POST":
        reason = reason_to_stay(run)
        return _question(request, run, "remove", reason or REMOVING, is_possible=not reason)
    try:
        remove_run(run, actor_of(request, "admin"))
    except MigrationRefused as refusal:
        messages.error(request, str(refusal))
        return to_page_of(run)
    messages.success(request, f"Run {pk} was removed. The audit log keeps that it was.")
    return HttpResponseRedirect(reverse("admin:migrations_tools_migrationrun_changelist"))


def _question(
    request: HttpRequest, run: MigrationRun, verb: str, explanation: str, *, is_possible: bool = True
) -> HttpResponse:
    shown = {
        "title": f"{verb.capitalize()} run {run.pk}?",
        "run": run,
        "explanation": explanation,
        "button": f"{verb.capitalize()} run {run.pk}" if is_possible else "",
    }
    context = admin.site.each_context(request) | shown
    return TemplateResponse(request, "admin/migrations_tools/migrationrun/question.html", context)


def wake(request: HttpRequest, run: MigrationRun) -> None:
    """Send for workers. Without a broker the run waits, and whoever asked is told so."""
    try:
        tasks.wake(run)
    except (OperationalError, OSError):
        messages.warning(
            request,
            "The broker does not answer, so that no worker was sent for. The run waits, and begins within two minutes "
            "of the broker's return.",
        )


def to_page_of(run: MigrationRun) -> HttpResponse:
    """Redirect to the page of a run."""
    return HttpResponseRedirect(reverse("admin:migrations_tools_migrationrun_change", args=[run.pk]))
