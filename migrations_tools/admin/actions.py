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
from migrations_tools.states import RunState


@dataclass(frozen=True, slots=True)
class Action:
    """``told`` is what the operator reads once it was done."""

    do: Callable[[MigrationRun, Actor], object]
    told: str


ACTIONS = {
    "pause": Action(control.pause, "What is in work ends at its next piece; then the run stands still."),
    "resume": Action(control.resume, "The run goes on where it was."),
    "retry": Action(control.retry_failed, "The failed items are tried again."),
    "cancel": Action(control.cancel, "The run is given up. What was moved stays moved."),
}


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
    run = run_for(request, pk)
    context = admin.site.each_context(request) | {"title": f"Cancel run {run.pk}?", "run": run}
    return TemplateResponse(request, "admin/migrations_tools/migrationrun/cancel.html", context)


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
    return HttpResponseRedirect(reverse("admin:migrations_tools_migrationrun_change", args=[run.pk]))
