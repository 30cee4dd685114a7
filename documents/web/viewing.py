"""One document: its page, and its bytes."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from documents.http.caller import actor_of
from documents.http.content import content_response
from documents.models import Document
from documents.selectors.documents import document_visible_to, events_of, live_links_of
from documents.services.attributes import readable_attributes
from documents.services.digests import plaintext_digest
from documents.services.downloads import can_open_documents, open_download
from documents.web.attribute_forms import rows_for
from documents.web.forms import LinkForm
from documents.web.people import signed_in

EVENTS_SHOWN = 20


@require_safe
@login_required
def document_page(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Show what is known of a document, its links and what happened to it."""
    return render_document(request, document_id, LinkForm())


def render_document(
    request: HttpRequest, document_id: UUID, link_form: LinkForm, *, new_link_url: str = "", status: int = 200
) -> HttpResponse:
    """Render the document page. ``new_link_url`` is the URL of a link just made: it is shown this once."""
    document = document_visible_to(signed_in(request), document_id)
    attachment = document.current_attachment()
    attributes = readable_attributes(document, actor_of(request, "web"))
    context = {
        "document": document,
        "attributes": None if attributes is None else rows_for(attributes),
        "attachment": attachment,
        "kept_until": document.retained_until(),
        "can_open": can_open_documents(),
        # Where those could not be opened, a key service that does not answer is not waited for once more.
        "sha256": plaintext_digest(attachment, ask=attributes is not None),
        "versions": document.attachments.order_by("-version"),
        "links": live_links_of(document),
        "events": events_of(document)[:EVENTS_SHOWN],
        "link_form": link_form,
        "new_link_url": new_link_url,
    }
    return render(request, "documents/detail.html", context, status=status)


@require_safe
@login_required
def content(request: HttpRequest, document_id: UUID) -> HttpResponseBase:
    """Send a document's bytes as a download."""
    attachment = Document.objects.get_visible_to(signed_in(request), document_id).current_attachment()
    actor = actor_of(request, "web")
    return content_response(
        request, attachment, lambda start, stop: open_download(attachment, actor, start=start, stop=stop), ranges=True
    )
