"""Errors of Azure's libraries, and of requests below them, told as the vault's, with what to do about them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException

import requests
import urllib3.exceptions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
)

from documents.errors import (
    BucketNotFound,
    IntegrityMismatch,
    ObjectExists,
    ObjectNotFound,
    RangeNotSatisfiable,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from documents.storage.translation import Meaning, Translation

_CREDENTIALS = "Check the account and its key in STORAGES, and the clock of this machine"
_REFUSED = "Check the account, its key and its network rules, and the clock of this machine"
_PERMISSION = "Give these credentials Storage Blob Data Contributor on the container, or check its name"
_LATER = "Try again later; if it stays, look at the status of Azure"
_ENDPOINT = "Check the account's name or URL in STORAGES and the network between"
_KEPT = "The container keeps it: look at its immutability policy, legal holds and leases"
_AGAIN = "The bytes changed on their way; write them again"

# Azure Storage, "Blob service error codes" and "Common REST API error codes"; what is not here goes by status.
_BY_CODE: Mapping[str, Meaning] = {
    "BlobNotFound": (ObjectNotFound, ""),
    "ResourceNotFound": (ObjectNotFound, ""),
    "ContainerNotFound": (BucketNotFound, "Create the container, or correct its name"),
    "ContainerBeingDeleted": (BucketNotFound, "The container is being deleted"),
    "ContainerDisabled": (BucketNotFound, "The container is disabled"),
    "BlobAlreadyExists": (ObjectExists, ""),
    "ConditionNotMet": (ObjectExists, ""),
    "TargetConditionNotMet": (ObjectExists, ""),
    "UnauthorizedBlobOverwrite": (ObjectExists, ""),
    "InvalidRange": (RangeNotSatisfiable, ""),
    "AuthenticationFailed": (StorageAccessDenied, _CREDENTIALS),
    "InvalidAuthenticationInfo": (StorageAccessDenied, _CREDENTIALS),
    "NoAuthenticationInformation": (StorageAccessDenied, _CREDENTIALS),
    "AuthorizationFailure": (StorageAccessDenied, _REFUSED),
    "AccountIsDisabled": (StorageAccessDenied, "The account is disabled: look at its subscription"),
    "BlobImmutableDueToPolicy": (StorageAccessDenied, _KEPT),
    "LeaseIdMissing": (StorageAccessDenied, _KEPT),
    "AccountQuotaExceeded": (StorageFull, "Raise the capacity of the account"),
    "Md5Mismatch": (IntegrityMismatch, _AGAIN),
    "Crc64Mismatch": (IntegrityMismatch, _AGAIN),
    "InvalidBlockList": (IntegrityMismatch, "Another writer had the same key: write it again under a new one"),
    "InvalidBlobOrBlock": (IntegrityMismatch, "Another writer had the same key: write it again under a new one"),
    "ServerBusy": (StorageUnavailable, _LATER),
    "OperationTimedOut": (StorageUnavailable, _LATER),
}
_TRANSLATION = Translation(_BY_CODE, credentials=_CREDENTIALS, permission=_PERMISSION, later=_LATER, more={})

# What a store that is none, or a broken connection, makes the layers below raise. LookupError, TypeError, ValueError
# and AttributeError: the library builds its objects of whatever XML and headers came, and trips over what is none of
# Azure's.
_BROKEN_ANSWERS = (
    AzureError, requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError,
    LookupError, TypeError, ValueError, AttributeError,
)  # fmt: skip


@contextmanager
def translated(*, provider: str, key: str = "") -> Iterator[None]:
    """Raises a StorageError in place of any error of the libraries; keep the block to the call and its answer."""
    try:
        yield
    except StorageError:
        raise
    except _BROKEN_ANSWERS as error:
        raise _translate(error, provider=provider, key=key) from error


def from_status(status: int, code: str, *, provider: str, key: str) -> StorageError:
    """The error of an answer with this status and error code."""
    kind, hint = _TRANSLATION.meaning(status, [code])
    return kind(f"The store answered {status} {code}".rstrip(), provider=provider, key=key, hint=hint)


def _translate(error: Exception, *, provider: str, key: str) -> StorageError:
    # The text of these errors can hold the URL of the request, its signature in it: only the type is told.
    name = type(error).__name__
    if isinstance(error, HttpResponseError) and error.status_code and not isinstance(error, DecodeError):
        code = getattr(error, "error_code", None) or ""
        # Of the codes that the library knows it makes an enumeration, of others a string.
        return from_status(error.status_code, getattr(code, "value", code), provider=provider, key=key)
    if isinstance(error, ClientAuthenticationError):
        return StorageAccessDenied(f"Signing in failed ({name})", provider=provider, key=key, hint=_CREDENTIALS)
    if isinstance(error, ServiceRequestError):
        return StorageUnavailable("The store cannot be reached", provider=provider, key=key, hint=_ENDPOINT)
    return StorageUnavailable(
        f"The answer of the store was broken ({name})", provider=provider, key=key, hint=_ENDPOINT
    )
