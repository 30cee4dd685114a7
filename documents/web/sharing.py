"""Links: making them, seeing them all, revoking them."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from documents.errors import LinkRejected
from documents.http.caller import actor_of
from documents.selectors.documents import document_visible_to, links_of
from documents.selectors.paging import page_of
from documents.services.links import create_link, revoke_link
from documents.web.forms import LinkForm
from documents.web.people import signed_in
from documents.web.viewing import render_document


@require_POST
@never_cache
@login_required
def create_document_link(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Make a link and show its URL, this once: the vault keeps a hash of it, so there is nothing to redirect to."""
    document = document_visible_to(signed_in(request), document_id)
    form = LinkForm(request.POST)
    if not form.is_valid():
        return render_document(request, document_id, form, status=422)
    try:
        made = create_link(
            document,
            creator=signed_in(request),
            actor=actor_of(request, "web"),
            expires_in=form.lifetime(),
            password=form.cleaned_data["password"],
            max_downloads=form.cleaned_data["max_downloads"],
        )
    except LinkRejected as error:
        form.add_error(None, str(error))
        return render_document(request, document_id, form, status=422)
    url = request.build_absolute_uri(reverse("links:open", args=[made.token]))
    return render_document(request, document_id, LinkForm(), new_link_url=url, status=201)


@require_safe
@login_required
def list_links(request: HttpRequest) -> HttpResponse:
    """Show every link the person made, newest first."""
    page = page_of(links_of(signed_in(request)), cursor=request.GET.get("cursor", ""))
    return render(request, "documents/links.html", {"page": page})


@require_POST
@login_required
def revoke(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """End a link now."""
    link = revoke_link(link_id, creator=signed_in(request), actor=actor_of(request, "web"))
    messages.success(request, "The link has ended. Whoever has it sees that it did.")
    if link.document_id and request.POST.get("from") == "document":
        return redirect("documents:detail", link.document_id)
    return redirect("documents:links")
