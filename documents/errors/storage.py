"""Errors of the stores, the same for every provider."""

from documents.errors.base import VaultError


class StorageError(VaultError):
    """``key`` is the object key or "", ``hint`` what an operator can do, ``retryable`` whether a retry may help."""

    status = 502
    code = "storage-error"
    public_message = "The document store reported a fault. Nothing was lost; please try again, or tell your operator."

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


class ObjectTooLarge(StorageError):
    status = 413
    code = "object-too-large"
    public_message = "This is larger than what may be stored here. Nothing of it was kept."


class IntegrityMismatch(StorageError):
    code = "integrity-mismatch"


class UnsupportedOperation(StorageError):
    status = 501
    code = "unsupported-operation"
    public_message = (
        "The document store lacks an operation that this needs. Trying again will not help; tell your operator."
    )
