"""What some stores let their clients do with buckets: versions, access control lists, and the buckets themselves.

Protocols as in ``capabilities.py``, and with its conventions. The vault's daily work needs none of them; its commands
and whoever administers a store do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from documents.storage.base import ObjectReader


class VersioningState(StrEnum):
    """Whether a bucket keeps what is deleted or overwritten. SUSPENDED keeps what it has and adds nothing."""

    OFF = "off"
    ENABLED = "enabled"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, or a delete marker, which has no body (``size`` 0, ``etag`` empty)."""

    key: str
    version_id: str
    size: int
    modified_at: datetime
    etag: str
    is_current: bool
    is_delete_marker: bool


@runtime_checkable
class Versioning(Protocol):
    """Earlier versions of objects. A key that is deleted keeps them, and a deletion is done only when they are gone."""

    def versioning_state(self) -> VersioningState:
        """Return the bucket's."""
        ...

    def set_versioning(self, state: VersioningState) -> None:
        """Enable or suspend it. Raises UnsupportedOperation for OFF: what was on once cannot be off again."""

    def iter_versions(self, prefix: str = "") -> Iterator[ObjectVersion]:
        """Yield every version and delete marker below ``prefix``, of one key the newest first."""
        ...

    def open_version(self, key: str, version_id: str) -> ObjectReader:
        """Open one version. The caller closes it. Raises ObjectNotFound."""
        ...

    def delete_version(self, key: str, version_id: str) -> None:
        """Remove one version, or a delete marker, for good. Safe to repeat."""


class Permission(StrEnum):
    """What a grant allows (Amazon S3 User Guide, "Access control list overview")."""

    READ = "READ"
    WRITE = "WRITE"
    READ_ACL = "READ_ACP"
    WRITE_ACL = "WRITE_ACP"
    FULL_CONTROL = "FULL_CONTROL"


class CannedAcl(StrEnum):
    """The usual lists, by name. Objects of a vault are PRIVATE."""

    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"
    AUTHENTICATED_READ = "authenticated-read"


EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
EVERYBODY_SIGNED_IN = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


@dataclass(frozen=True, slots=True)
class Grant:
    """``grantee`` is the canonical id of a user, or the URI of a group such as EVERYBODY."""

    grantee: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may do what with a bucket or an object. ``owner`` is a canonical id."""

    owner: str
    grants: tuple[Grant, ...]


@runtime_checkable
class Acls(Protocol):
    """Access control lists of the bucket and of its objects."""

    def bucket_acl(self) -> AccessList:
        """Return the bucket's."""
        ...

    def set_bucket_acl(self, acl: CannedAcl | AccessList) -> None:
        """Replace the bucket's."""

    def object_acl(self, key: str) -> AccessList:
        """Return an object's. Raises ObjectNotFound."""
        ...

    def set_object_acl(self, key: str, acl: CannedAcl | AccessList) -> None:
        """Replace an object's. Raises ObjectNotFound."""


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """``created_at`` is in UTC, or None where the store does not tell."""

    name: str
    created_at: datetime | None


@runtime_checkable
class Buckets(Protocol):
    """The buckets that the provider's credentials reach."""

    def list_buckets(self) -> Iterator[BucketInfo]:
        """Yield those they own."""
        ...

    def create_bucket(self, name: str) -> None:
        """Make a bucket. Raises ObjectExists where the name is taken, by whomever."""

    def has_bucket(self, name: str) -> bool:
        """Whether there is such a bucket that they may use. Raises StorageAccessDenied where it is another's."""
        ...

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket. Raises StorageError where it is not empty. Safe to repeat."""
