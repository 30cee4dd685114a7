"""The list of one's documents."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from documents.selectors.documents import documents_visible_to, staged_attachments_of
from documents.selectors.paging import page_of
from documents.web.people import signed_in

PAGE_SIZE = 50
LONGEST_SEARCH = 200


@require_safe
@login_required
def list_documents(request: HttpRequest) -> HttpResponse:
    """Newest first, a page at a time; ``q`` searches titles, ``cursor`` goes on."""
    user = signed_in(request)
    search = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    page = page_of(
        documents_visible_to(user, title_contains=search), cursor=request.GET.get("cursor", ""), size=PAGE_SIZE
    )
    context = {"page": page, "search": search, "staged_count": staged_attachments_of(user).count()}
    return render(request, "documents/list.html", context)
