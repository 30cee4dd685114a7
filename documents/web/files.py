"""Files of other apps that ``VaultStorage`` keeps, by the paths that it signs."""

from datetime import timedelta

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from documents.filestorage import SALT, URL_PREFIX, OpenFile, VaultStorage
from documents.http.content import disposition, inert_headers, inert_type
from documents.models.connection import release_connection
from documents.services.names import clean_filename

LIFETIME = timedelta(minutes=5)


@require_GET
def open_file(_request: HttpRequest, signed: str) -> HttpResponseBase:
    """Give the file that ``signed`` names, as an attachment. 404 where it expired, was forged or is not there."""
    try:
        policy, name = signing.loads(signed.removeprefix(URL_PREFIX), salt=SALT, max_age=LIFETIME)
        file = VaultStorage(policy).open(name)
    except (signing.BadSignature, FileNotFoundError) as error:
        raise Http404 from error
    assert isinstance(file, OpenFile)  # noqa: S101  # what VaultStorage opens
    release_connection()
    # Not FileResponse: it seeks to the end for a length, and guesses the type by the name.
    response = StreamingHttpResponse(file.chunks(), content_type=inert_type(file.content_type))
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]  # as FileResponse does
    response["Content-Length"] = str(file.size)
    response["Content-Disposition"] = disposition(clean_filename(file.original_name))
    return inert_headers(response)
