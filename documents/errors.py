"""Every error the vault raises on purpose, in one tree.

VaultError
├── ConfigurationError          a setting is missing or malformed; names the variable
├── StorageError                carries provider, object key, hint, retryable
│   ├── ObjectNotFound
│   ├── ObjectExists            write-once: somebody else's object already has this key
│   ├── InvalidObjectKey        "..", absolute, empty, too long, control characters
│   ├── RangeNotSatisfiable, BucketNotFound, StorageFull
│   ├── StorageAccessDenied     credentials missing, wrong or without the permission
│   ├── StorageUnavailable      did not answer, or answered that it cannot now; try again
│   ├── IntegrityMismatch       what the store holds is not what was written
│   └── UnsupportedOperation    this provider lacks the capability
├── EncryptionError
│   ├── MalformedEnvelope       not an envelope, or one that breaks FORMAT.md
│   ├── UnsupportedEnvelope     a version, suite or wrap that this reader does not accept
│   ├── AuthenticationFailed    a tag or signature is wrong, or the envelope is not the one expected
│   ├── UnwrapFailed            no DEK that fits the commitment; one message for every way this can happen
│   │   └── UnknownKey          no recipient of this envelope is in the key ring (KEK ids are public)
│   └── KeyRingError            a KEK cannot be loaded or used
│       ├── WrongPassphrase, WeakKey
│       ├── SealOnlyKeyRing     the ring holds public keys alone; it can seal and not open
│       └── OpenOnlyKeyRing     the ring cannot sign what it would seal; it can open and not seal
├── UploadError
│   ├── UploadTooLarge, UploadLengthRequired (a body of unknown length)
│   ├── UploadIncomplete        the client went away, or sent less than it announced
│   ├── UploadRejected          nothing in the request can become a document
│   └── UploadGone              the staged attachment expired, was discarded or belongs to somebody else
├── DatabaseUnavailable         the database did not answer, or its disk is full
├── ScopeMissing                the API token may not do this
├── CursorInvalid               a page was asked for by a cursor that no page gave
├── DocumentNotFound            does not exist, or is not yours: the same answer
├── DocumentUnreadable          the stored object is missing, damaged or under an unknown KEK: one answer for all
└── LinkError
    ├── LinkNotFound, LinkGone (expired, revoked or used up), LinkRejected (a new link breaks a limit)
    └── LinkPasswordRequired, LinkPasswordWrong, LinkLocked (too many wrong ones)
"""

from datetime import timedelta
from typing import ClassVar


class VaultError(Exception):
    """``status`` is the HTTP status (RFC 9110) a face answers with, ``code`` the stable word for machines (the end of
    the problem type, RFC 9457). The message is for people: what happened, what to do, the number; never plaintext, a
    DEK, a token or a presigned URL. Where ``public_message`` is set, the message itself is for operators alone.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    message: ClassVar[str] = ""  # what an error says that is raised without words of its own
    public_message: ClassVar[str] = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)

    def for_people(self) -> str:
        """The text a face may show to anyone who is allowed to make the request."""
        return self.public_message or str(self)


class ConfigurationError(VaultError):
    code = "configuration-error"
    public_message = "The vault is not configured correctly. Its operator finds the reason in the log."


class StorageError(VaultError):
    """``key`` is the object key or "", ``hint`` what an operator can do, ``retryable`` whether a retry may help."""

    status = 502
    code = "storage-error"
    public_message = "The document store reported a fault. Nothing was lost; please try again, or tell your operator."
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, provider: str = "", key: str = "", hint: str = "") -> None:
        self.provider, self.key, self.hint = provider, key, hint
        where = ", ".join(f"{name} {value!r}" for name, value in (("provider", provider), ("key", key)) if value)
        super().__init__(f"{message}{f' ({where})' if where else ''}{f'. {hint}' if hint else ''}")


class ObjectNotFound(StorageError):
    code = "object-not-found"


class ObjectExists(StorageError):
    """``checksum`` ("sha256:…") is of what was to be written: if equal, it was ours and its answer was lost."""

    status = 409
    code = "object-exists"
    checksum: str = ""


class InvalidObjectKey(StorageError):
    code = "invalid-object-key"


class RangeNotSatisfiable(StorageError):
    status = 416
    code = "range-not-satisfiable"
    public_message = "The requested range lies outside the document."


class BucketNotFound(StorageError):
    code = "bucket-not-found"


class StorageAccessDenied(StorageError):
    code = "storage-access-denied"


class StorageFull(StorageError):
    status = 507
    code = "storage-full"
    public_message = "The vault has no room left for this document. Nothing of it was kept; tell your operator."


class StorageUnavailable(StorageError):
    status = 503
    code = "storage-unavailable"
    public_message = "The document store does not answer at the moment. Nothing was lost; please try again in a minute."
    retryable = True


class IntegrityMismatch(StorageError):
    code = "integrity-mismatch"


class UnsupportedOperation(StorageError):
    status = 501
    code = "unsupported-operation"
    public_message = (
        "The document store lacks an operation that this needs. Trying again will not help; tell your operator."
    )


class EncryptionError(VaultError):
    code = "encryption-error"
    public_message = "This document cannot be opened. Your operator has been told and finds the reason in the log."


class MalformedEnvelope(EncryptionError):
    pass


class UnsupportedEnvelope(EncryptionError):
    pass


class AuthenticationFailed(EncryptionError):
    pass


class UnwrapFailed(EncryptionError):
    pass


class UnknownKey(UnwrapFailed):
    pass


class KeyRingError(EncryptionError):
    public_message = "The vault's keys cannot be used at the moment. Its operator finds the reason in the log."


class WrongPassphrase(KeyRingError):
    pass


class WeakKey(KeyRingError):
    pass


class SealOnlyKeyRing(KeyRingError):
    status = 503
    code = "seal-only"
    public_message = "This server takes documents in and cannot open them. Ask your operator where to read them."


class OpenOnlyKeyRing(KeyRingError):
    status = 503
    code = "open-only"
    public_message = "This server gives documents out and takes none in. Ask your operator where to upload."


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


class DatabaseUnavailable(VaultError):
    status = 503
    code = "database-unavailable"
    message = (
        "The database does not answer, or its disk is full. Nothing was kept. Try again later, or tell your operator."
    )


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


class DocumentUnreadable(VaultError):
    status = 502
    code = "document-unreadable"
    message = "This document cannot be opened: it is missing, damaged, or its key is not here. Tell your operator."


class LinkError(VaultError):
    pass


class LinkNotFound(LinkError):
    status = 404
    code = "link-not-found"
    message = "There is no such link. Check that the address was copied whole."


class LinkGone(LinkError):
    status = 410
    code = "link-gone"
    message = "This link has ended: it expired, was revoked or was used up. Ask its sender for a new one."


class LinkRejected(LinkError):
    status = 422
    code = "link-rejected"


class LinkPasswordRequired(LinkError):
    status = 401
    code = "link-password-required"
    message = "This link asks for a password. Open it in a browser and enter the one its sender gave you."


class LinkPasswordWrong(LinkError):
    status = 403
    code = "link-password-wrong"
    message = "That is not the password of this link. Check it with its sender."


class LinkLocked(LinkError):
    status = 429
    code = "link-locked"

    def __init__(self, retry_after: timedelta) -> None:
        """``retry_after`` is how long the lock still lasts; people are told whole minutes, at least one."""
        self.retry_after = retry_after
        minutes = max(1, round(retry_after / timedelta(minutes=1)))
        super().__init__(f"Too many wrong passwords. Try again in {minutes} minutes.")
