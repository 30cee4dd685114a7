"""/api/v1/documents/{id}/links: share a document."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Router, Status

from documents.api.auth import require_scope
from documents.api.schemas import LinkIn, LinkOut
from documents.http.caller import actor_of
from documents.models import Document
from documents.services.links import create_link

router = Router(tags=["links"])


@router.post("/{uuid:document_id}/links", response={201: LinkOut}, summary="Make a link that expires")
def create_document_link(request: HttpRequest, document_id: UUID, body: LinkIn) -> Status[LinkOut]:
    """Answer with the URL, which is told this once. Without a password a plain GET of it gives the content."""
    require_scope(request, "share")
    document = Document.objects.get_visible_to(request.user, document_id)
    made = create_link(
        document,
        creator=request.user,  # type: ignore[arg-type]  # TokenAuth made it a User
        actor=actor_of(request, "api"),
        expires_in=None if body.expires_in is None else timedelta(seconds=body.expires_in),
        password=body.password or "",
        max_downloads=body.max_downloads,
    )
    url = request.build_absolute_uri(reverse("links:open", args=[made.token]))
    return Status(201, LinkOut(id=made.link.pk, url=url, expires_at=made.link.expires_at))
