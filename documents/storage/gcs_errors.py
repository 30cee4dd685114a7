"""Errors of Google's libraries, and of requests below them, told as the vault's, with what to do about them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException

import requests
import urllib3.exceptions
from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError, RetryError
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from documents.errors import (
    BucketNotFound,
    IntegrityMismatch,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from documents.storage.translation import Meaning, Translation

_CREDENTIALS = "Check the service account of the alias in STORAGES, its key, and the clock of this machine"
_PERMISSION = "Give this service account Storage Object Admin on the bucket, or check the name of the bucket"
_LATER = "Try again later; if it stays, look at the status of Google Cloud"
_ENDPOINT = "Check the endpoint of the alias in STORAGES and the network between"
_MISSING: Mapping[type[StorageError], str] = {
    BucketNotFound: "Create the bucket, or correct its name",
    StorageUnavailable: "The upload session is gone: write the object again",
}
_KEPT = "The bucket keeps it: look at its retention policy and holds"

# "reason" of an error (Cloud Storage, "HTTP status and error codes for JSON"); what is not here goes by status.
_BY_REASON: Mapping[str, Meaning] = {
    "rateLimitExceeded": (StorageUnavailable, _LATER),
    "userRateLimitExceeded": (StorageUnavailable, _LATER),
    "quotaExceeded": (StorageFull, "Raise the quota of the project"),
    "accountDisabled": (StorageAccessDenied, "Set up billing for the project"),
    "retentionPolicyNotMet": (StorageAccessDenied, _KEPT),
    "objectUnderActiveHold": (StorageAccessDenied, _KEPT),
    "RequestTimeTooSkewed": (StorageAccessDenied, "Set the clock of this machine"),
}
_TRANSLATION = Translation(
    _BY_REASON, credentials=_CREDENTIALS, permission=_PERMISSION, later=_LATER, more={410: (ObjectNotFound, "")}
)

# What a store that is none, or a broken connection, makes the libraries raise. LookupError, TypeError, ValueError and
# AttributeError: they build their objects of whatever JSON came, and trip over what is no answer of GCS.
_BROKEN_ANSWERS = (
    GoogleAPIError, DataCorruption, requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError,
    LookupError, TypeError, ValueError, AttributeError,
)  # fmt: skip


@contextmanager
def translated(*, provider: str, key: str = "", missing: type[StorageError] = ObjectNotFound) -> Iterator[None]:
    """Raises a StorageError in place of any error of the libraries; keep the block to the call and its answer.

    ``missing`` is what a 404 means here: to a write it can only be the bucket.
    """
    try:
        yield
    except StorageError:
        raise
    except RetryError as error:
        # The libraries gave up repeating; the last error says why.
        raise _translate(error.cause or error, provider=provider, key=key, missing=missing) from error
    except (GoogleAuthError, InvalidResponse, *_BROKEN_ANSWERS) as error:
        raise _translate(error, provider=provider, key=key, missing=missing) from error


def from_status(
    status: int, reasons: Iterable[str] = (), *, provider: str, key: str, missing: type[StorageError]
) -> StorageError:
    """The error of an answer with this status and these reasons."""
    kind, hint = _TRANSLATION.meaning(status, reasons)
    if kind is ObjectNotFound and missing is not ObjectNotFound:
        kind, hint = missing, _MISSING.get(missing, "")
    return kind(f"The store answered {status}", provider=provider, key=key, hint=hint)


def _translate(error: Exception, *, provider: str, key: str, missing: type[StorageError]) -> StorageError:
    # The text of these errors can hold the URL of the request and an upload session in it: only the type is told.
    name = type(error).__name__
    if isinstance(error, GoogleAPICallError) and error.code is not None:
        return from_status(int(error.code), _reasons(error), provider=provider, key=key, missing=missing)
    if isinstance(error, InvalidResponse):
        return from_status(error.response.status_code, provider=provider, key=key, missing=missing)
    if isinstance(error, DefaultCredentialsError):
        return StorageAccessDenied("No credentials for the store", provider=provider, key=key, hint=_CREDENTIALS)
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return StorageAccessDenied(f"Signing in failed ({name})", provider=provider, key=key, hint=_CREDENTIALS)
    if isinstance(error, DataCorruption):
        return IntegrityMismatch("The bytes changed on their way", provider=provider, key=key, hint="Do it again")
    if isinstance(error, requests.exceptions.SSLError):
        return StorageUnavailable("TLS with the store failed", provider=provider, key=key, hint=_ENDPOINT)
    if isinstance(error, requests.ConnectionError):
        return StorageUnavailable("The store cannot be reached", provider=provider, key=key, hint=_ENDPOINT)
    return StorageUnavailable(
        f"The answer of the store was broken ({name})", provider=provider, key=key, hint=_ENDPOINT
    )


def _reasons(error: GoogleAPICallError) -> list[str]:
    """What stands as "reason" in the answer; for uploads the library leaves that to its reader."""
    try:
        entries = error.errors or error.response.json()["error"]["errors"]
        return [str(entry["reason"]) for entry in entries]
    except (AttributeError, LookupError, TypeError, ValueError):
        return []
