"""What the fake HCP keeps: namespaces, versions of objects, and multipart uploads."""

import base64
import hashlib
import itertools
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.storage.fake_hcp_messages import Refused, Request

Grants = tuple[tuple[str, str], ...]
_SMALLEST_PART = 1_000_000  # MK-95HCPH002: one megabyte, for all parts but the last
_ids = itertools.count(87288727469825)


@dataclass
class Version:
    """One version of an object; a delete marker has no ``data``."""

    key: str
    data: bytes | None
    etag: str
    grants: Grants
    version_id: str = field(default_factory=lambda: str(next(_ids)))
    modified_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Upload:
    key: str
    parts: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Namespace:
    """``versions`` are every key's, the oldest first."""

    name: str
    owner: str
    grants: Grants = ()
    versioning: str = ""
    versions: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.grants = self.grants or self.private

    @property
    def private(self) -> Grants:
        return ((self.owner, "FULL_CONTROL"),)

    def current(self, key: str) -> Version | None:
        newest = self.versions.get(key, [None])[-1]
        return newest if newest and newest.data is not None else None

    def found(self, key: str, version_id: str = "") -> Version:
        if not version_id:
            version = self.current(key)
        else:
            version = next((one for one in self.versions.get(key, ()) if one.version_id == version_id), None)
        if version is None:
            raise Refused(404, "NoSuchVersion" if version_id else "NoSuchKey")
        return version

    def store(self, key: str, data: bytes, etag: str, *, if_absent: bool) -> Version:
        """Keep an object. Without versions HCP never overwrites one, and a folder cannot become one."""
        taken = self.current(key) is not None
        if taken and if_absent:
            raise Refused(412, "PreconditionFailed")
        is_folder = any(other.startswith(f"{key}/") and self.current(other) for other in self.versions)
        if is_folder or (taken and self.versioning != "Enabled"):
            raise Refused(409, "Conflict", "The name is taken")
        version = Version(key, data, etag, self.private)
        kept = self.versions.get(key, []) if self.versioning else []
        self.versions[key] = [*kept, version]
        return version

    def delete(self, key: str, version_id: str = "") -> None:
        kept = self.versions.get(key, [])
        if version_id:
            kept = [version for version in kept if version.version_id != version_id]
        elif self.versioning == "Enabled":
            kept = [*kept, Version(key, None, "", ())] if self.current(key) else kept
        else:
            kept = kept[:-1]
        self.versions[key] = kept
        if not kept:
            del self.versions[key]

    def complete(self, upload_id: str, listed: list[tuple[int, str]], *, if_absent: bool) -> Version:
        """HCP tells of wrong parts inside a 200."""
        upload = self.upload(upload_id)
        if [number for number, _ in listed] != sorted({number for number, _ in listed}) or not listed:
            raise Refused(200, "InvalidPartOrder")
        if any(upload.parts.get(number, (b"", ""))[1] != etag for number, etag in listed):
            raise Refused(200, "InvalidPart")
        pieces = [upload.parts[number] for number, _ in listed]
        if any(len(data) < _SMALLEST_PART for data, _ in pieces[:-1]):
            raise Refused(200, "EntityTooSmall")
        digest = md5(b"".join(bytes.fromhex(etag) for _, etag in pieces))
        version = self.store(
            upload.key, b"".join(data for data, _ in pieces), f"{digest}-{len(pieces)}", if_absent=if_absent
        )
        del self.uploads[upload_id]
        return version

    def upload(self, upload_id: str, key: str = "") -> Upload:
        upload = self.uploads.get(upload_id)
        if upload is None or (key and upload.key != key):
            raise Refused(404, "NoSuchUpload")
        return upload


class FakeNamespaces:
    """Those of one tenant. Whoever uses them holds ``lock``."""

    def __init__(self, first: str, *, owner: str) -> None:
        self.lock = threading.RLock()
        self._first, self.owner = first, owner
        self.reset()

    def reset(self) -> None:
        self.by_name = {self._first: Namespace(self._first, self.owner)}

    def found(self, name: str) -> Namespace:
        if name not in self.by_name:
            raise Refused(404, "NoSuchBucket")
        return self.by_name[name]


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def check_md5(request: Request) -> None:
    """Raises Refused where there is a Content-MD5 and the body is another."""
    digest = hashlib.md5(request.body, usedforsecurity=False).digest()
    if request.headers.get("content-md5", base64.b64encode(digest).decode()) != base64.b64encode(digest).decode():
        raise Refused(400, "BadDigest")
