"""Deleting a document, asked twice."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from documents.http.caller import actor_of
from documents.selectors.documents import document_visible_to
from documents.services.deletion import delete_document
from documents.web.people import signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete_page(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """GET asks, POST deletes."""
    document = document_visible_to(signed_in(request), document_id)
    if request.method != "POST":
        context = {"document": document, "kept_until": document.retained_until()}
        return render(request, "documents/delete.html", context)
    delete_document(document_id, owner=signed_in(request), actor=actor_of(request, "web"))
    messages.success(request, f"“{document.title}” was deleted, its links have ended.")
    return redirect("documents:list")
