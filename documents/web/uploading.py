"""Uploading: a form that works without JavaScript, a raw body for the module that shows progress, and what waits."""

from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from documents.errors import StorageError, UploadGone, UploadRejected, VaultError
from documents.http.bodies import discard_rest, header_filename, raw_body
from documents.http.caller import actor_of
from documents.http.forms import SealedForm, is_of_own_origin, sealed_form
from documents.http.problems import problem_response
from documents.models import Document
from documents.selectors.documents import staged_attachments_of
from documents.services.staging import confirm_upload, discard_upload, keep_titles
from documents.services.uploads import begin_upload, upload_limit
from documents.storage.policies import DEFAULT
from documents.web.errors import csrf_failure
from documents.web.people import signed_in
from documents.wiring import storage_manager, vault_config

# Each is a field of the form that confirms them all; Django takes a thousand.
STAGED_SHOWN = 100


@csrf_exempt  # the token is a field of the form and is checked in _keep, once the form is parsed by our handler
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def upload_page(request: HttpRequest) -> HttpResponseBase:
    """Show what can be uploaded and what waits; take a form's files."""
    if request.method == "POST":
        if not is_of_own_origin(request):
            return csrf_failure(request)
        most_files = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        with sealed_form(request, actor_of(request, "web"), most_files=most_files) as form:
            return _keep(request, form)
    staged = staged_attachments_of(signed_in(request))
    context = {
        "staged": staged[:STAGED_SHOWN],
        "staged_count": staged.count(),
        "max_upload_size": upload_limit(),
        "rule": storage_manager().policy(DEFAULT),
        "staged_lifetime": vault_config().staged_lifetime,
    }
    return render(request, "documents/upload.html", context)


@csrf_protect
def _keep(request: HttpRequest, form: SealedForm) -> HttpResponseBase:
    if not form.staged:
        raise UploadRejected("No document was chosen. Choose one or more, then press Upload.")
    count = len(form.keep())
    messages.success(request, f"{count} uploaded and sealed. Give each a title and confirm it below.")
    return redirect("documents:upload")


@require_POST
@login_required
def upload_raw(request: HttpRequest) -> HttpResponse:
    """Take one document as a raw body (``X-Filename``, ``Content-Type``) and answer with JSON."""
    try:
        pieces = raw_body(request)
        with begin_upload(
            owner=signed_in(request),
            filename=header_filename(request),
            content_type=request.headers.get("Content-Type", ""),
            actor=actor_of(request, "web"),
        ) as upload:
            for piece in pieces:
                upload.write(piece)
            staged = upload.finish()
    except VaultError as error:
        if isinstance(error, StorageError):
            discard_rest(request)
        return problem_response(error)
    facts = {"id": staged.pk, "filename": staged.filename, "size": staged.size, "content_type": staged.content_type}
    return JsonResponse(facts, status=201)


@require_POST
@login_required
def settle_staged(request: HttpRequest) -> HttpResponse:
    """Confirm or discard one (``confirm=<id>``, ``discard=<id>``) or all (``confirm=all``), or ``keep`` titles alone.

    Titles are ``title-<id>``, and kept in each case.
    """
    user = signed_in(request)
    keep_titles(_typed_titles(request), owner=user)
    if "keep" in request.POST:
        return redirect("documents:upload")
    if discarded := _chosen(request, "discard"):
        _discard(request, discarded)
        messages.success(request, "Discarded. Nothing of it was kept.")
        return redirect("documents:upload")
    confirmed = _confirm_chosen(request)
    if len(confirmed) > 1:
        messages.success(request, f"{len(confirmed)} documents are in the vault.")
        return redirect("documents:list")
    page = reverse("documents:detail", args=[confirmed[0].pk])
    messages.success(request, format_html('<a href="{}">{}</a> is in the vault.', page, confirmed[0].title))
    return redirect("documents:upload" if staged_attachments_of(user).exists() else page)


def _discard(request: HttpRequest, chosen: list[UUID]) -> None:
    """Raises UploadGone where nothing of it was left to discard."""
    gone = 0
    for staged_id in chosen:
        try:
            discard_upload(staged_id, owner=signed_in(request), actor=actor_of(request, "web"))
        except UploadGone:  # one that expired meanwhile does not keep the others
            gone += 1
    if gone == len(chosen):
        raise UploadGone


def _typed_titles(request: HttpRequest) -> dict[UUID, str]:
    """Return the titles in the form, also of what this request leaves waiting: nothing typed is lost."""
    typed = {}
    for field, title in request.POST.items():
        with suppress(ValueError):  # an id that is none names nothing
            if field.startswith("title-"):
                typed[UUID(field.removeprefix("title-"))] = str(title)
    return typed


def _confirm_chosen(request: HttpRequest) -> list[Document]:
    """Confirm what was chosen. Raises UploadGone where nothing of it was left to confirm."""
    confirmed: list[Document] = []
    for staged_id in _chosen(request, "confirm"):
        with suppress(UploadGone):  # one that expired meanwhile does not keep the others
            confirmed.append(confirm_upload(staged_id, owner=signed_in(request), actor=actor_of(request, "web")))
    if not confirmed:
        raise UploadGone
    return confirmed


def _chosen(request: HttpRequest, field: str) -> list[UUID]:
    value = request.POST.get(field, "")
    if value == "all":
        return [staged.pk for staged in staged_attachments_of(signed_in(request))]
    try:
        return [UUID(value)] if value else []
    except ValueError as error:
        raise UploadGone from error
