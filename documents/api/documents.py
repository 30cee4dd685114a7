"""/api/v1/documents: upload, list, read, change, delete."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Query, Router, Status

from documents.api.auth import require_scope
from documents.api.schemas import DocumentChanges, DocumentDetail, DocumentOut, DocumentPage
from documents.errors import UploadRejected
from documents.http.bodies import header_filename, raw_body
from documents.http.caller import actor_of
from documents.http.content import content_response
from documents.http.forms import sealed_form
from documents.models import Attachment, Document
from documents.selectors.documents import document_visible_to, documents_visible_to
from documents.selectors.paging import page_of
from documents.services.attributes import readable_attributes, set_attributes
from documents.services.digests import plaintext_digest
from documents.services.downloads import open_download
from documents.services.object_storage import ObjectStorageService
from documents.services.renaming import rename_document
from documents.services.staging import confirm_upload

router = Router(tags=["documents"])

_FILE = {"type": "string", "format": "binary"}
UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": _FILE, "title": {"type": "string"}},
                }
            },
            "application/octet-stream": {"schema": _FILE},
        },
    },
    "parameters": [
        {
            "in": "header",
            "name": "X-Filename",
            "schema": {"type": "string"},
            "description": "percent-encoded UTF-8, for a raw body; beyond 255 bytes it is cut before its ending",
        }
    ],
}


@router.post("", response={201: DocumentOut}, openapi_extra=UPLOAD_BODY, summary="Upload a document")
def create_document(request: HttpRequest) -> Status[DocumentOut]:
    """Stage and confirm in one step: a multipart field ``file``, or a raw body with ``X-Filename``."""
    require_scope(request, "write")
    if request.content_type == "multipart/form-data":
        document = _from_form(request)
    else:
        service = ObjectStorageService(request.user, actor_of(request, "api"))  # type: ignore[arg-type]  # see TokenAuth
        document = service.store(
            raw_body(request), filename=header_filename(request), content_type=request.headers.get("Content-Type", "")
        )
    return Status(201, _shown(document, document.current_attachment()))


@router.get("", response=DocumentPage, summary="List documents, newest first")
def list_documents(
    request: HttpRequest,
    cursor: str = "",
    title: str = "",
    limit: int = Query(50, ge=1, le=200),  # type: ignore[type-arg]  # generic for type checkers alone
) -> DocumentPage:
    """Your own documents alone, those whose title contains ``title``; pass ``next_cursor`` as ``cursor`` to go on.

    With a key service ``sha256`` is null for what this process was not asked for before: ask for the one document.
    """
    require_scope(request, "read")
    page = page_of(documents_visible_to(request.user, title_contains=title), cursor=cursor, size=limit)
    current = {a.document_id: a for a in Attachment.objects.filter(document__in=page.rows).order_by("version")}
    items = [_shown(document, current[document.pk], ask=False) for document in page.rows if document.pk in current]
    return DocumentPage(items=items, next_cursor=page.next_cursor or None)


@router.get("/{uuid:document_id}", response=DocumentDetail, summary="One document, with its attributes")
def get_document(request: HttpRequest, document_id: UUID) -> DocumentDetail:
    """Of its newest version. 404 for what does not exist and for what is not yours, alike."""
    require_scope(request, "read")
    document = document_visible_to(request.user, document_id)
    attributes = readable_attributes(document, actor_of(request, "api"))
    # Where they could not be opened, a key service that does not answer is not waited for once more.
    shown = _shown(document, document.current_attachment(), ask=attributes is not None)
    return DocumentDetail(**shown.model_dump(), attributes=attributes)


@router.patch("/{uuid:document_id}", response=DocumentOut, summary="Change its title or its attributes")
def change_document(request: HttpRequest, document_id: UUID, body: DocumentChanges) -> DocumentOut:
    """What is left out, or null, stays. Both are changed together: where one is refused, the other stays too."""
    require_scope(request, "write")
    actor = actor_of(request, "api")
    if body.attributes is not None:
        set_attributes(document_id, body.attributes, owner=actor.user, actor=actor, title=body.title)
    elif body.title is not None:
        rename_document(document_id, body.title, owner=actor.user, actor=actor)
    document = document_visible_to(request.user, document_id)
    return _shown(document, document.current_attachment())


@router.api_operation(["GET", "HEAD"], "/{uuid:document_id}/content", summary="Its bytes; Range and ETag work")
def get_content(request: HttpRequest, document_id: UUID) -> HttpResponseBase:
    """The newest version, as a download. One range of bytes is answered with 206; several give the whole."""
    require_scope(request, "read")
    attachment = Document.objects.get_visible_to(request.user, document_id).current_attachment()
    actor = actor_of(request, "api")
    return content_response(
        request, attachment, lambda start, stop: open_download(attachment, actor, start=start, stop=stop), ranges=True
    )


@router.delete("/{uuid:document_id}", response={204: None}, summary="Delete a document")
def delete_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Its versions and its links' access go with it. Deleting again answers 404."""
    require_scope(request, "write")
    ObjectStorageService(request.user, actor_of(request, "api")).delete(document_id)  # type: ignore[arg-type]
    return HttpResponse(status=204)


def _from_form(request: HttpRequest) -> Document:
    actor = actor_of(request, "api")
    with sealed_form(request, actor) as form:
        if form.field_names != ["file"]:
            came = ", ".join(repr(name) for name in form.field_names[:5]) or "none"
            raise UploadRejected(f"Send one file, in the field 'file'. Fields with files that came: {came}.")
        staged = form.keep()[0]
    return confirm_upload(staged.pk, owner=actor.user, title=request.POST.get("title", ""), actor=actor)


def _shown(document: Document, attachment: Attachment, *, ask: bool = True) -> DocumentOut:
    return DocumentOut(
        id=document.pk,
        title=document.title,
        filename=attachment.filename,
        size=attachment.size,
        sha256=plaintext_digest(attachment, ask=ask),
        content_type=attachment.content_type,
        created_at=document.created_at,
        version=attachment.version,
    )
