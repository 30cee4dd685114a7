"""Errors of documents that are there, and of asking for them."""

from documents.errors.base import VaultError


class ScopeMissing(VaultError):
    status = 403
    code = "scope-missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This token has no {scope!r} scope. Ask its owner for one made with --scope {scope}.")


class CursorInvalid(VaultError):
    status = 400
    code = "cursor-invalid"
    message = "This cursor was not given by an earlier page. Start again without one."


class DocumentNotFound(VaultError):
    status = 404
    code = "document-not-found"
    message = "There is no such document. It may have been deleted, or belong to somebody else."


class DocumentChanged(VaultError):
    status = 409
    code = "document-changed"
    message = "The document was changed meanwhile. Nothing of this was saved; look at what it says now."


class DocumentUnreadable(VaultError):
    status = 502
    code = "document-unreadable"
    message = "This document cannot be opened: it is missing, damaged, or its key is not here. Tell your operator."
