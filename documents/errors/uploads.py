"""Errors of a document on its way in."""

from documents.errors.base import VaultError


class UploadError(VaultError):
    status = 400


class UploadTooLarge(UploadError):
    status = 413
    code = "upload-too-large"

    def __init__(self, limit: int) -> None:
        """``limit`` is in bytes."""
        super().__init__(f"The limit is {limit:,} bytes; this is larger. Nothing of it was kept.")


class UploadIncomplete(UploadError):
    code = "upload-incomplete"

    def __init__(self, *, received: int, expected: int | None) -> None:
        """Both in bytes; ``expected`` is None where nothing was announced."""
        of = "" if expected is None else f" of {expected:,}"
        super().__init__(
            f"The upload ended after {received:,}{of} bytes. Nothing of it was kept; please send it again."
        )


class UploadLengthRequired(UploadError):
    status = 411
    code = "length-required"
    message = "Send the length of the document in a Content-Length header."


class UploadRejected(UploadError):
    code = "upload-rejected"


class UploadGone(UploadError):
    status = 404
    code = "upload-not-found"
    message = "It expired, was discarded or was confirmed before. Look in your documents, or upload it again."
