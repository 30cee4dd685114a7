"""Multipart uploads of the in-memory provider, refusing what S3 refuses."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from documents.errors import IntegrityMismatch, ObjectNotFound, StorageError
from documents.storage.base import Buffer, ObjectInfo
from documents.storage.capabilities import Part


@dataclass(slots=True)
class _Upload:
    key: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    parts: dict[int, bytes] = field(default_factory=dict)


class MemoryMultipart:
    """``put`` is what makes the joined object visible, if its key is free."""

    def __init__(self, *, put: Callable[[str, bytes], ObjectInfo], provider: str, min_part_size: int) -> None:
        self.min_part_size = min_part_size
        self._put, self._provider = put, provider
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}

    def create(self, key: str) -> str:
        upload_id = secrets.token_hex(16)
        with self._lock:
            self._uploads[upload_id] = _Upload(key)
        return upload_id

    def upload_part(self, key: str, upload_id: str, part_number: int, data: Buffer) -> Part:
        upload = self._upload(key, upload_id)
        copied = bytes(data)
        with self._lock:
            upload.parts[part_number] = copied
        return _part(part_number, copied)

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        upload = self._upload(key, upload_id)
        with self._lock:
            parts = sorted(upload.parts.items())
        yield from (_part(number, data) for number, data in parts)

    def complete(self, key: str, upload_id: str, parts: list[Part]) -> ObjectInfo:
        upload = self._upload(key, upload_id)
        with self._lock:
            stored = [_part(part.number, upload.parts[part.number]) for part in parts if part.number in upload.parts]
        if stored != parts or not parts:
            raise IntegrityMismatch("The parts named are not those uploaded", provider=self._provider, key=key)
        if any(part.size < self.min_part_size for part in parts[:-1]):
            raise StorageError("A part before the last is too small", provider=self._provider, key=key)
        info = self._put(key, b"".join(upload.parts[part.number] for part in parts))
        self.abort(upload_id)
        return info

    def abort(self, upload_id: str) -> None:
        with self._lock:
            self._uploads.pop(upload_id, None)

    def iter_multiparts(self, prefix: str) -> Iterator[tuple[str, str, datetime]]:
        with self._lock:
            uploads = list(self._uploads.items())
        yield from (
            (upload.key, upload_id, upload.started_at) for upload_id, upload in uploads if upload.key.startswith(prefix)
        )

    def remove_unfinished(self, *, older_than: timedelta, only: Callable[[str], bool] | None = None) -> int:
        before = datetime.now(UTC) - older_than
        begun = [(key, upload_id) for key, upload_id, started_at in self.iter_multiparts("") if started_at < before]
        old = [upload_id for key, upload_id in begun if only is None or only(key)]
        for upload_id in old:
            self.abort(upload_id)
        return len(old)

    def _upload(self, key: str, upload_id: str) -> _Upload:
        with self._lock:
            upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise ObjectNotFound("There is no such multipart upload", provider=self._provider, key=key)
        return upload


def _part(number: int, data: bytes) -> Part:
    return Part(number=number, etag=hashlib.sha256(data).hexdigest(), size=len(data))
