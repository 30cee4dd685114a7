"""Changing what stands beside a document: its title and its attributes."""

from typing import TypeAlias
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from documents.errors import PayloadError
from documents.http.caller import actor_of
from documents.models import Document
from documents.selectors.documents import document_visible_to
from documents.services.attributes import set_attributes
from documents.services.payload_values import JSON
from documents.services.renaming import rename_document
from documents.web.attribute_forms import (
    AttributeForm,
    AttributeRows,
    TitleForm,
    attributes_from,
    readable_attributes,
    rows_for,
    typed_rows,
)
from documents.web.people import signed_in

MaybeRows: TypeAlias = "forms.BaseFormSet[AttributeForm] | None"  # generic for type checkers alone


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit_page(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """GET shows the form, POST saves it or gives it back with more rows. It needs no JavaScript."""
    document = document_visible_to(signed_in(request), document_id)
    current = readable_attributes(document, actor_of(request, "web"))
    if request.method != "POST":
        title, rows = TitleForm(initial={"title": document.title}), AttributeRows(initial=rows_for(current or {}))
        return _page(request, document, title, None if current is None else rows)
    title, rows = TitleForm(request.POST), AttributeRows(request.POST)
    if "more" in request.POST:
        return _page(request, document, title, AttributeRows(initial=typed_rows(rows)))
    if title.is_valid() and (current is None or _set_attributes(request, document, rows, current)):
        actor = actor_of(request, "web")
        rename_document(document.pk, title.cleaned_data["title"], owner=actor.user, actor=actor)
        messages.success(request, "Your changes were saved.")
        return redirect("documents:detail", document.pk)
    return _page(request, document, title, None if current is None else rows, status=422)


def _set_attributes(
    request: HttpRequest, document: Document, rows: "forms.BaseFormSet[AttributeForm]", current: dict[str, JSON]
) -> bool:
    """Set what the rows say if that changes anything. Returns False where they are refused; they then say why."""
    if not rows.is_valid():
        return False
    wanted = attributes_from(rows, current)
    if not rows.is_valid() or any(row.errors for row in rows):
        return False
    actor = actor_of(request, "web")
    try:
        if wanted != current:
            set_attributes(document.pk, wanted, owner=actor.user, actor=actor)
    except PayloadError as error:
        rows.non_form_errors().append(error.for_people())
        return False
    return True


def _page(
    request: HttpRequest, document: Document, title: TitleForm, rows: MaybeRows, *, status: int = 200
) -> HttpResponse:
    """``rows`` is None where the attributes cannot be read here and now: they stay as they are."""
    context = {"document": document, "form": title, "rows": rows}
    return render(request, "documents/edit.html", context, status=status)
