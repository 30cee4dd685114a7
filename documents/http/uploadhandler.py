"""Django upload handlers: one that seals while the form is parsed, one that refuses files."""

from io import BytesIO
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

from django.core.exceptions import BadRequest
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser
from django.utils.datastructures import MultiValueDict

from documents.errors import UploadIncomplete
from documents.models import StagedAttachment
from documents.services.actors import Actor
from documents.services.staging import discard
from documents.services.uploads import Upload, begin_upload

# Generic for the type checker alone.
if TYPE_CHECKING:
    AnyUploadedFile = UploadedFile[bytes]
else:
    AnyUploadedFile = UploadedFile


class Readable(Protocol):
    """What a request's body is read from; b"" means the end."""

    def read(self, size: int = -1, /) -> bytes: ...


# More than the longest boundary that Django takes (200 characters) and the dashes and line ends around it.
_TAIL = 256


class CountedBody:
    """A request's body that counts what came, and keeps its last bytes."""

    def __init__(self, body: Readable) -> None:
        self._body, self.received, self._tail = body, 0, b""

    def read(self, size: int = -1) -> bytes:
        """Read as the body does, and count. Raises what the body raises."""
        data = self._body.read(size)
        self.received += len(data)
        self._tail = data[-_TAIL:] if len(data) >= _TAIL else (self._tail + data)[-_TAIL:]
        return data

    def ends_with(self, boundary: bytes) -> bool:
        """Whether the last thing that came is the form's closing delimiter (RFC 2046 §5.1.1)."""
        return self._tail.rstrip().endswith(b"--" + boundary + b"--")


class StagedUpload(AnyUploadedFile):
    """What ``request.FILES`` holds of a sealed file: the staged attachment, and no bytes."""

    def __init__(self, staged: StagedAttachment) -> None:
        super().__init__(BytesIO(), staged.filename, staged.content_type, staged.size)
        self.staged = staged


class SealingUploadHandler(FileUploadHandler):
    """Seals each file of a form while it is parsed; plaintext never reaches a disk.

    A form's own checks (CSRF, rules) can only come after its files; ``documents.http.forms`` drops what they refuse.
    """

    chunk_size = 256 * 1024

    def __init__(self, request: HttpRequest, actor: Actor) -> None:
        super().__init__(request)
        self.staged: list[StagedAttachment] = []
        self._actor = actor
        self._upload: Upload | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        super().new_file(*args, **kwargs)
        self._upload = begin_upload(
            owner=self._actor.user,
            filename=self.file_name or "",
            content_type=self.content_type or "",
            actor=self._actor,
        )
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002  # Django's signature
        """Seal and store the next piece. Raises what ``Upload.write`` does: UploadTooLarge, StorageError."""
        if self._upload:
            self._upload.write(raw_data)

    def file_complete(self, file_size: int) -> StagedUpload | None:  # noqa: ARG002  # Django's signature
        """Finish the file and return what stands for it in ``request.FILES``; by then it is durable."""
        if self._upload is None:
            return None
        staged, self._upload = self._upload.finish(), None
        self.staged.append(staged)
        return StagedUpload(staged)

    def upload_interrupted(self) -> None:
        self.drop()

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],  # noqa: N803  # Django's signature
        content_length: int,
        boundary: Any,  # bytes, whatever the stubs say
        encoding: str | None = None,
    ) -> tuple[QueryDict, MultiValueDict[str, AnyUploadedFile]] | None:
        """Parse the body ourselves: Django takes a body that broke off for a shorter file, or a shorter form."""
        if isinstance(input_data, CountedBody):
            return None
        body = CountedBody(input_data)
        parsed = MultiPartParser(META, cast("Any", body), [self], encoding).parse()
        if body.received != content_length or not body.ends_with(boundary):
            raise UploadIncomplete(received=body.received, expected=content_length)
        return parsed

    def drop(self) -> None:
        """Undo every file of this form. May be called again."""
        if self._upload:
            self._upload.abort(reason="interrupted")
            self._upload = None
        while self.staged:
            discard(self.staged.pop(), "upload.failed", self._actor, reason="form-refused")


class RefusingUploadHandler(FileUploadHandler):
    """Refuses files in forms that have none, so that nothing is spooled in clear."""

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002  # Django's signature
        raise BadRequest("This form takes no files. Use the upload page.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        raise NotImplementedError

    def file_complete(self, file_size: int) -> None:
        raise NotImplementedError
