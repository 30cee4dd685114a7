"""/api/v1/documents/{id}/links: share a document; /api/v1/links/{id}: end what was shared."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router, Status

from documents.api.auth import require_scope
from documents.api.schemas import LinkFacts, LinkIn, LinkOut, LinkPage
from documents.http.caller import actor_of
from documents.models import Document
from documents.selectors.documents import live_links_of
from documents.selectors.paging import page_of
from documents.services.links import create_link, revoke_link

router = Router(tags=["links"])


@router.post("/documents/{uuid:document_id}/links", response={201: LinkOut}, summary="Make a link that expires")
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


@router.get("/documents/{uuid:document_id}/links", response=LinkPage, summary="The links that still give access")
def list_document_links(request: HttpRequest, document_id: UUID, cursor: str = "") -> LinkPage:
    """Newest first, without their URLs: the vault keeps hashes alone."""
    require_scope(request, "share")
    document = Document.objects.get_visible_to(request.user, document_id)
    page = page_of(live_links_of(document), cursor=cursor)
    items = [
        LinkFacts(
            id=link.pk,
            created_at=link.created_at,
            expires_at=link.expires_at,
            has_password=bool(link.password),
            downloads=link.downloads,
            max_downloads=link.max_downloads,
        )
        for link in page.rows
    ]
    return LinkPage(items=items, next_cursor=page.next_cursor or None)


@router.delete("/links/{uuid:link_id}", response={204: None}, summary="Revoke a link")
def delete_link(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """End a link of yours now. Revoking again changes nothing."""
    require_scope(request, "share")
    revoke_link(link_id, creator=request.user, actor=actor_of(request, "api"))  # type: ignore[arg-type]  # see above
    return HttpResponse(status=204)
