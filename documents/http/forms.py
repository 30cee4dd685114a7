"""Forms that bring documents: parsed while the files are sealed, and undone as a whole where the form is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.utils.http import is_same_domain

from documents.errors import UploadIncomplete, UploadRejected
from documents.http.bodies import FORM_OVERHEAD, announced_length
from documents.http.uploadhandler import SealingUploadHandler
from documents.models import StagedAttachment
from documents.services.actors import Actor


def is_of_own_origin(request: HttpRequest) -> bool:
    """Whether a form's headers say that it is ours: asked before its files are read; its token is checked after.

    A client that sends neither header is no browser of today, and the token decides.
    """
    origin = request.headers.get("Origin")
    trusted = not origin or origin == f"{request.scheme}://{request.get_host()}" or _is_trusted(origin)
    return trusted and (bool(origin) or request.headers.get("Sec-Fetch-Site") != "cross-site")


def _is_trusted(origin: str) -> bool:
    """Whether CSRF_TRUSTED_ORIGINS names it, by itself or as https://*.example.com."""
    scheme, _, host = origin.partition("://")
    for pattern in settings.CSRF_TRUSTED_ORIGINS:
        trusted_scheme, _, trusted_host = pattern.partition("://")
        if scheme == trusted_scheme and is_same_domain(host, trusted_host.removeprefix("*")):
            return True
    return False


class SealedForm:
    """The parsed form. Its files are staged already; ``keep`` says that they shall stay so."""

    def __init__(self, handler: SealingUploadHandler, field_names: list[str]) -> None:
        self._handler, self.field_names = handler, field_names

    @property
    def staged(self) -> list[StagedAttachment]:
        """What is staged and not kept, in the order of the form; empty after ``keep``."""
        return list(self._handler.staged)

    def keep(self) -> list[StagedAttachment]:
        """Keep the staged attachments beyond this form, and return them."""
        kept, self._handler.staged = self._handler.staged, []
        return kept


@contextmanager
def sealed_form(request: HttpRequest, actor: Actor, *, most_files: int = 1) -> Iterator[SealedForm]:
    """Parse a multipart form; ``request.POST`` is ready inside. Leaving without ``keep`` undoes every file.

    Each file keeps to the upload limit while it is read; the whole form to ``most_files`` times as much, before. Raises
    UploadTooLarge and UploadLengthRequired, UploadIncomplete where the body broke off, UploadRejected where it is no
    form.
    """
    expected = announced_length(request, files=most_files, overhead=FORM_OVERHEAD)
    handler = SealingUploadHandler(request, actor)
    request.upload_handlers = [handler]
    try:
        try:
            field_names = [name for name, files in request.FILES.lists() for _file in files]
        except UnreadablePostError as error:
            raise UploadIncomplete(received=0, expected=expected) from error
        except (TooManyFilesSent, TooManyFieldsSent) as error:
            raise UploadRejected(
                f"A form takes at most {settings.DATA_UPLOAD_MAX_NUMBER_FILES} documents at a time. Nothing was kept; "
                "send them in several goes."
            ) from error
        except MultiPartParserError as error:
            raise UploadRejected(
                "The body is not the multipart form its Content-Type says. Nothing was kept."
            ) from error
        yield SealedForm(handler, field_names)
    finally:
        handler.drop()
