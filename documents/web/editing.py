"""Changing what stands beside a document: its title and its attributes."""

from collections.abc import Mapping
from typing import TypeAlias
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from documents.errors import DocumentChanged, PayloadError
from documents.http.caller import actor_of
from documents.models import Document
from documents.selectors.documents import document_visible_to
from documents.services.attributes import readable_attributes, set_attributes
from documents.services.editions import edition_of
from documents.services.payload_values import JSON
from documents.services.renaming import rename_document
from documents.web.attribute_forms import (
    AttributeForm,
    AttributeRows,
    TitleForm,
    attributes_from,
    rows_for,
    typed_rows,
)
from documents.web.people import signed_in

MaybeRows: TypeAlias = "forms.BaseFormSet[AttributeForm] | None"  # generic for type checkers alone


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit_page(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """GET shows the form, POST saves it or gives it back with more rows. It needs no JavaScript.

    What somebody else changed since the form was shown is not overwritten: 409, with what was typed and what is there.
    """
    document = document_visible_to(signed_in(request), document_id)
    current = readable_attributes(document, actor_of(request, "web"))
    present = edition_of(document)
    if request.method != "POST":
        title, rows = TitleForm(initial={"title": document.title}), AttributeRows(initial=rows_for(current or {}))
        return _page(request, document, title, None if current is None else rows, edition=present)
    title, rows, seen = TitleForm(request.POST), AttributeRows(request.POST), request.POST.get("edition", "")
    if "more" in request.POST:
        return _page(request, document, title, AttributeRows(initial=typed_rows(rows)), edition=seen)
    if seen != present:
        return _conflict(request, document, title, rows, current)
    try:
        if title.is_valid() and _save(request, document, title.cleaned_data["title"], rows, current):
            messages.success(request, "Your changes were saved.")
            return redirect("documents:detail", document.pk)
    except DocumentChanged:  # at this moment
        document = document_visible_to(signed_in(request), document_id)
        current = readable_attributes(document, actor_of(request, "web"))
        return _conflict(request, document, title, rows, current)
    return _page(request, document, title, None if current is None else rows, edition=seen, status=422)


def _save(
    request: HttpRequest,
    document: Document,
    title: str,
    rows: "forms.BaseFormSet[AttributeForm]",
    current: dict[str, JSON] | None,
) -> bool:
    """Save what differs, all of it or nothing. Returns False where the rows are refused; they then say why.

    ``document`` and ``current`` are what the rows were typed from: raises DocumentChanged where that is no longer so.
    """
    actor, seen = actor_of(request, "web"), edition_of(document)
    wanted = current if current is None else _wanted(rows, current)
    if wanted is None and current is not None:
        return False
    try:
        if wanted is None or wanted == current:
            rename_document(document.pk, title, owner=actor.user, actor=actor, seen=seen)
        else:
            set_attributes(document.pk, wanted, owner=actor.user, actor=actor, title=title, seen=seen)
    except PayloadError as error:
        rows.non_form_errors().append(error.for_people())
        return False
    return True


def _wanted(rows: "forms.BaseFormSet[AttributeForm]", current: dict[str, JSON]) -> dict[str, JSON] | None:
    if not rows.is_valid():
        return None
    wanted = attributes_from(rows, current)
    return wanted if rows.is_valid() and not any(row.errors for row in rows) else None


def _conflict(
    request: HttpRequest,
    document: Document,
    title: TitleForm,
    rows: "forms.BaseFormSet[AttributeForm]",
    current: dict[str, JSON] | None,
) -> HttpResponse:
    """Show what the document says now above what was typed. Whoever saves that then has seen it."""
    present = {"title": document.title, "attributes": None if current is None else rows_for(current)}
    kept = None if current is None else rows
    return _page(request, document, title, kept, edition=edition_of(document), present=present, status=409)


def _page(
    request: HttpRequest,
    document: Document,
    title: TitleForm,
    rows: MaybeRows,
    *,
    edition: str,
    present: Mapping[str, object] | None = None,
    status: int = 200,
) -> HttpResponse:
    """``rows`` is None where the attributes cannot be read here and now: they stay as they are."""
    context = {"document": document, "form": title, "rows": rows, "edition": edition, "present": present}
    return render(request, "documents/edit.html", context, status=status)
