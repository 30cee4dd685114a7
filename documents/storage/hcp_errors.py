"""Answers of HCP's S3 compatible API that mean something else than the same answer of Amazon's.

Sources: Hitachi Content Platform Tenant Management Help (MK-95HCPH002), "Using the Hitachi API for Amazon S3": "Error
codes" and the status codes of each operation.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from botocore.exceptions import ClientError

from documents.errors import (
    BucketNotFound,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from documents.storage.s3_bucket import S3Bucket
from documents.storage.s3_errors import code_of, translated
from documents.storage.translation import Meaning

_ENDPOINT = "The endpoint must be the tenant's, https://<tenant>.<hcp>; a system that was replaced redirects to another"
_CREDENTIALS = "Check user and password: the access key is the user in Base64, the secret the password's MD5"
_PERMISSION = (
    "Check the user's permissions for the namespace, retention and holds of the object, and that the S3 compatible API "
    "is enabled for the namespace"
)
_BY_CODE: Mapping[str, Meaning] = {
    "InvalidAccessKeyId": (StorageAccessDenied, _CREDENTIALS),
    "SignatureDoesNotMatch": (StorageAccessDenied, _CREDENTIALS),
    "AccessDenied": (StorageAccessDenied, _PERMISSION),
    "403": (StorageAccessDenied, _PERMISSION),
    "NoSuchBucket": (BucketNotFound, "Create the namespace, or correct its name"),
    # Comes inside a 200 to the completion of a multipart upload; trying again would not help.
    "EntityTooSmall": (StorageError, "All parts but the last have 1 MB or more"),
}
_BY_STATUS: Mapping[int, Meaning] = {
    301: (StorageUnavailable, _ENDPOINT),
    302: (StorageUnavailable, _ENDPOINT),
    307: (StorageUnavailable, _ENDPOINT),
    # A GET: HCP knows the object and has no data for it now, or is deleting it.
    410: (StorageUnavailable, "HCP has no data of the object at the moment; a replica may have"),
    413: (StorageFull, "Raise the hard quota of the namespace"),
}


class HcpBucket(S3Bucket):
    """A namespace. Its errors are HCP's where they differ, and S3's everywhere else."""

    __slots__ = ()

    def check_bucket(self) -> None:
        """Raises BucketNotFound, or whatever else keeps these credentials from the namespace."""
        try:
            with self.errors():
                self.client.head_bucket(Bucket=self.name)
        except ObjectNotFound as error:
            raise BucketNotFound(
                f"There is no namespace {self.name!r}",
                provider=self.provider,
                hint="Create it, or correct its name",
            ) from error

    def errors(self, key: str = "") -> AbstractContextManager[None]:
        return _translated(provider=self.provider, key=key)


@contextmanager
def _translated(*, provider: str, key: str) -> Iterator[None]:
    try:
        with translated(provider=provider, key=key):
            yield
    except StorageError as error:
        cause = error.__cause__
        if not isinstance(cause, ClientError):
            raise
        status = status_of(error)
        known = _BY_CODE.get(code_of(cause)) or _BY_STATUS.get(status)
        if known is None:
            raise
        kind, hint = known
        message = f"HCP answered {status} {code_of(cause)}"
        raise kind(message, provider=provider, key=key, hint=hint) from cause


def status_of(error: StorageError) -> int:
    """The HTTP status of the answer that ``error`` tells of, 0 where there was none."""
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return 0
    return int(cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
