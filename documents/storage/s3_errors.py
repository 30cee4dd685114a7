"""Errors of botocore, urllib3 and the connection below them, told as the vault's, with what to do about them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException

import urllib3.exceptions
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from documents.errors import (
    BucketNotFound,
    IntegrityMismatch,
    InvalidObjectKey,
    ObjectExists,
    ObjectNotFound,
    RangeNotSatisfiable,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UnsupportedOperation,
)
from documents.storage.translation import Meaning, Translation

_CREDENTIALS = "Check S3_ACCESS_KEY, S3_SECRET_KEY and the clock of this machine"
_PERMISSION = "Give these credentials the permission, or check S3_BUCKET and S3_REGION"
_LATER = "Try again later; if it stays, look at the store"
_ENDPOINT = "Check S3_ENDPOINT_URL, the name it holds and the network between"
_TLS = (
    "Check the certificate at S3_ENDPOINT_URL, and that this machine trusts its issuer; an endpoint without TLS is "
    "written http://"
)

# Codes of the S3 API (Amazon S3 API Reference, "Error responses"), and the bare statuses that a HEAD has instead.
_BY_CODE: Mapping[str, Meaning] = {
    "NoSuchKey": (ObjectNotFound, ""),
    "NoSuchUpload": (ObjectNotFound, ""),
    "NoSuchVersion": (ObjectNotFound, ""),
    "BucketAlreadyExists": (ObjectExists, "Bucket names are unique in a whole store: choose another"),
    "BucketAlreadyOwnedByYou": (ObjectExists, ""),
    "BucketNotEmpty": (StorageError, "Delete its objects, their versions and unfinished uploads first"),
    "AccessControlListNotSupported": (UnsupportedOperation, "The bucket has its ACLs switched off"),
    "404": (ObjectNotFound, ""),
    "NoSuchBucket": (BucketNotFound, "Create the bucket, or correct S3_BUCKET"),
    "PreconditionFailed": (ObjectExists, ""),
    "412": (ObjectExists, ""),
    "InvalidRange": (RangeNotSatisfiable, ""),
    "416": (RangeNotSatisfiable, ""),
    "KeyTooLongError": (InvalidObjectKey, ""),
    "InvalidAccessKeyId": (StorageAccessDenied, _CREDENTIALS),
    "SignatureDoesNotMatch": (StorageAccessDenied, _CREDENTIALS),
    "ExpiredToken": (StorageAccessDenied, "The temporary credentials have expired: renew them"),
    "TokenRefreshRequired": (StorageAccessDenied, "The temporary credentials have expired: renew them"),
    "InvalidToken": (StorageAccessDenied, _CREDENTIALS),
    "RequestTimeTooSkewed": (StorageAccessDenied, "Set the clock of this machine, or that of the store, by NTP"),
    "AccessDenied": (StorageAccessDenied, _PERMISSION),
    "AuthorizationHeaderMalformed": (StorageAccessDenied, "Correct S3_REGION"),
    "PermanentRedirect": (BucketNotFound, "The bucket is in another region: correct S3_REGION"),
    "BadDigest": (IntegrityMismatch, "The bytes changed on their way; write them again"),
    "XAmzContentSHA256Mismatch": (IntegrityMismatch, "The bytes changed on their way; write them again"),
    "InvalidPart": (IntegrityMismatch, ""),
    "InvalidPartOrder": (IntegrityMismatch, ""),
    "QuotaExceeded": (StorageFull, "Raise the quota of the bucket or of its owner"),
    "InsufficientStorage": (StorageFull, "Make room in the store"),
    "XMinioStorageFull": (StorageFull, "Make room in the store"),
    "NotImplemented": (UnsupportedOperation, "This store lacks the operation"),
    "MethodNotAllowed": (UnsupportedOperation, "This store lacks the operation"),
    "RequestTimeout": (StorageUnavailable, _LATER),
    "SlowDown": (StorageUnavailable, _LATER),
    "ConditionalRequestConflict": (StorageUnavailable, _LATER),
    "OperationAborted": (StorageUnavailable, _LATER),
}
_TRANSLATION = Translation(_BY_CODE, credentials=_CREDENTIALS, permission=_PERMISSION, later=_LATER, more={})
_CREDENTIALS_MISSING = (NoCredentialsError, PartialCredentialsError)
_UNREACHABLE = (EndpointConnectionError, ConnectTimeoutError)

# What a store that is not one, or a broken connection, makes the layers below raise. KeyError: an answer without a
# field that S3 always sends.
_BROKEN_ANSWERS = (ResponseParserError, urllib3.exceptions.HTTPError, HTTPException, OSError, KeyError, UnicodeError)


@contextmanager
def translated(*, provider: str, key: str = "") -> Iterator[None]:
    """Raises a StorageError in place of any error of the client; keep the block to the call and its answer."""
    try:
        yield
    except ClientError as error:
        raise from_client_error(error, provider=provider, key=key) from error
    except BotoCoreError as error:
        raise _from_botocore(error, provider=provider, key=key) from error
    except _BROKEN_ANSWERS as error:
        raise StorageUnavailable(
            f"The answer of the store was broken ({type(error).__name__})", provider=provider, key=key, hint=_ENDPOINT
        ) from error


def code_of(error: ClientError) -> str:
    """The code that the store answered, "" where it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def from_client_error(error: ClientError, *, provider: str, key: str) -> StorageError:
    """Return the StorageError that stands for an answer of the store. Its words are not repeated, only its code."""
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind, hint = _TRANSLATION.meaning(status, [code])
    # The answer to a HEAD has no code but its status.
    answered = f"{status} {code}".strip() if code != str(status) else code
    return kind(f"The store answered {answered}", provider=provider, key=key, hint=hint)


def _from_botocore(error: BotoCoreError, *, provider: str, key: str) -> StorageError:
    # The text of a botocore error can hold the URL of the request, signature and all: only its type is told.
    name = type(error).__name__
    if isinstance(error, _CREDENTIALS_MISSING):
        return StorageAccessDenied("No credentials for the store", provider=provider, key=key, hint=_CREDENTIALS)
    if isinstance(error, SSLError):
        return StorageUnavailable("TLS with the store failed", provider=provider, key=key, hint=_TLS)
    if isinstance(error, (ParamValidationError, InvalidRegionError)):
        return StorageError(f"The request cannot be made ({name})", provider=provider, key=key)
    if isinstance(error, _UNREACHABLE):
        return StorageUnavailable("The store cannot be reached", provider=provider, key=key, hint=_ENDPOINT)
    return StorageUnavailable(
        f"The store did not answer as it should ({name})", provider=provider, key=key, hint=_LATER
    )
