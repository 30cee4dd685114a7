"""The way to a new run: a form, then the plan of what it would do, then the start. Nothing is saved before that."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from documents.errors import VaultError
from documents.http.caller import actor_of
from documents.redaction import redacted
from documents.wiring import vault_config
from migrations_tools import control
from migrations_tools.admin.access import demand_operator
from migrations_tools.admin.actions import to_page_of, wake
from migrations_tools.admin.listing import purpose_of
from migrations_tools.admin.start_form import StartForm
from migrations_tools.plan import REFUSALS
from migrations_tools.preview import Preview, preview
from migrations_tools.probing import probe
from migrations_tools.states import RunKind

# What is typed before anything is deleted.
CONFIRMATION = "purge"


@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """``step`` says which button was pressed: plan, edit (back to the form) or start."""
    demand_operator(request)
    form, step = StartForm(request.POST or None), request.POST.get("step")
    if not form.is_valid() or step == "edit":
        return _page(request, "start.html", "Start a migration", form=form)
    run = form.instance
    try:
        found = preview(run)
        if step == "start":
            return _started(request, form, found)
        return _plan(request, form, found, problem=probe(run))
    except VaultError as error:
        messages.error(request, redacted(str(error)))
        return _page(request, "start.html", "Start a migration", form=form)


def _started(request: HttpRequest, form: StartForm, found: Preview) -> HttpResponse:
    """The plan again where it cannot be done, or a purge was not confirmed; else to the page of the new run."""
    run = form.instance
    is_unconfirmed = run.kind == RunKind.PURGE and request.POST.get("confirmation", "").strip() != CONFIRMATION
    if is_unconfirmed or found.held_by:
        return _plan(request, form, found, is_unconfirmed=is_unconfirmed)
    control.create(run, actor_of(request, "admin"))
    messages.success(request, f"Run {run.pk} was started.")
    wake(request, run)
    return to_page_of(run)


def _plan(
    request: HttpRequest, form: StartForm, found: Preview, *, problem: str = "", is_unconfirmed: bool = False
) -> HttpResponse:
    run = form.instance
    uploads = vault_config().storage_type
    has_work = bool(found.total.objects or found.refused)
    return _page(
        request,
        "plan.html",
        f"Plan: {purpose_of(run)}",
        form=form,
        run=run,
        found=found,
        stores=sorted(found.by_store.items()),
        refused=[(count, REFUSALS[code]) for code, count in sorted(found.refused.items())],
        problem=problem,
        confirmation=CONFIRMATION if run.kind == RunKind.PURGE else "",
        is_unconfirmed=is_unconfirmed,
        uploads_go_to="" if run.kind != RunKind.COPY or run.destination == uploads else uploads,
        can_start=has_work and not problem and not found.held_by,
    )


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    shown = admin.site.each_context(request) | {"title": title} | context
    return TemplateResponse(request, f"admin/migrations_tools/migrationrun/{template}", shown)
