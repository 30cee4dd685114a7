"""A Django ``Storage`` that seals: for the ``FileField``s of any app, in any provider of the vault.

STORAGES = {"payslips": {"BACKEND": "documents.filestorage.VaultStorage", "OPTIONS": {"policy": "payslips"}}}

class Payslip(models.Model):
    file = models.FileField(storage=storages["payslips"], upload_to="payslips/")
"""

import io
import mimetypes
import posixpath
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core import signing
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File
from django.core.files.storage import Storage
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.deconstruct import deconstructible

from documents.errors import InvalidObjectKey, ObjectNotFound, RetentionActive
from documents.services.names import UNKNOWN_TYPE, clean_content_type, clean_filename
from documents.services.sealed_files import FILE_ENDING, FILES, SealedFile, ids_of_file, plaintext_size, seal_file
from documents.services.sidecars import delete_sidecars
from documents.storage.base import ObjectInfo, StorageProvider
from documents.storage.policies import DEFAULT, Policy
from documents.wiring import storage_manager

SALT = "documents.filestorage"
# By which logs know what grants access, wherever a project puts these URLs (documents.redaction).
URL_PREFIX = "vf_"
_BUFFER = 256 * 1024


class OpenFile(File):  # type: ignore[type-arg]  # a generic in the stubs alone
    """An open file: ``original_name`` and ``content_type`` are what was sealed with it."""

    def __init__(self, file: SealedFile, name: str) -> None:
        super().__init__(io.BufferedReader(file, _BUFFER), name)
        self.original_name, self.content_type = file.metadata.filename, file.metadata.content_type
        self.size = file.size


@deconstructible(path="documents.filestorage.VaultStorage")
class VaultStorage(Storage):
    """Seals every file on its way in, and opens it on its way out, in the store of a policy of the storage file.

    The name that the field keeps is the directory of ``upload_to`` and a random id, 41 characters with its ending:
    neither the store nor the table learns what a file was called. That name, and the type, are sealed with the content;
    an open file tells them. Names are never taken twice, so nothing is overwritten.

    Content is read and sealed in pieces and never written to disk in clear here. (Django itself spools large form
    uploads in clear before any storage sees them: remove TemporaryFileUploadHandler from FILE_UPLOAD_HANDLERS.)

    Like every storage of Django's it knows nothing of transactions: a row that is rolled back leaves an object behind.
    """

    def __init__(self, policy: str = DEFAULT) -> None:
        self.policy_name = policy

    @property
    def policy(self) -> Policy:
        """The rule that what is stored here follows. Raises PolicyNotFound."""
        return storage_manager().policy(self.policy_name)

    @property
    def provider(self) -> StorageProvider:
        """Where the objects are. Raises ConfigurationError."""
        return storage_manager().provider(self.policy.store)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Seal and store ``content`` and return its new name; ``name`` gives the directory and the original name.

        Raises TypeNotAllowed, ObjectTooLarge, StorageError; SuspiciousFileOperation where a name longer than
        ``max_length`` characters would be needed, or the directory is none.
        """
        given = (name or content.name or "").replace("\\", "/")
        stored = posixpath.join(posixpath.dirname(given), f"{uuid.uuid4()}{FILE_ENDING}")
        if max_length and len(stored) > max_length:
            raise SuspiciousFileOperation(f"The name needs {len(stored)} characters; the field has {max_length}.")
        filename = clean_filename(posixpath.basename(given))
        content_type = clean_content_type(getattr(content, "content_type", None) or _guessed(filename))
        self.policy.check_type(content_type)
        seal_file(
            self.provider,
            self._key(stored),
            _chunks_of(content),
            filename=filename,
            content_type=content_type,
            max_size=self.policy.max_size,
        )
        return stored

    def _open(self, name: str, mode: str = "rb") -> OpenFile:
        """Raises FileNotFoundError, DocumentUnreadable, StorageError; ValueError for a mode that writes."""
        if mode not in ("rb", "r"):
            raise ValueError(f"Files are sealed once and only read afterwards, not opened with {mode!r}.")
        try:
            return OpenFile(SealedFile(self.provider, self._key(name)), name)
        except ObjectNotFound as error:
            raise FileNotFoundError(name) from error

    def delete(self, name: str) -> None:
        """Delete it; what is not there is no error. Raises RetentionActive while the policy keeps it."""
        key, rule = self._key(name), self.policy
        if rule.retention:
            try:
                until = self.provider.head(key).modified_at + rule.retention
            except ObjectNotFound:
                return
            if until > datetime.now(UTC):
                raise RetentionActive(until)
        self.provider.delete(key)
        delete_sidecars(self.provider, ids_of_file(key).attachment_id)

    def exists(self, name: str) -> bool:
        try:
            return self.provider.exists(self._key(name))
        except SuspiciousFileOperation:
            return False

    def size(self, name: str) -> int:
        """Return the bytes of the content; no private key is needed. Raises FileNotFoundError."""
        try:
            return plaintext_size(self.provider, self._key(name))
        except ObjectNotFound as error:
            raise FileNotFoundError(name) from error

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the directories and the files directly in ``path``, each sorted."""
        place = self.policy.key(FILES, *path.strip("/").split("/")) + "/"
        directories, files = set[str](), set[str]()
        for info in self.provider.iter_locations(place):
            first, slash, _rest = info.key.removeprefix(place).partition("/")
            (directories if slash else files).add(first)
        return sorted(directories), sorted(files)

    def get_created_time(self, name: str) -> datetime:
        """Return when it was stored, by the store's clock. It never changes after that."""
        return self.get_modified_time(name)

    def get_modified_time(self, name: str) -> datetime:
        stored_at = self._info(name).modified_at
        return stored_at if timezone.is_aware(timezone.now()) else timezone.make_naive(stored_at)

    def url(self, name: str | None) -> str:
        """Return a path that gives the file to whoever has it, for five minutes, as an attachment.

        Raises ValueError, as FileSystemStorage does, where the project does not include ``documents.web.file_urls``.
        """
        try:
            return reverse("vault-files:open", args=[URL_PREFIX + signing.dumps([self.policy_name, name], salt=SALT)])
        except NoReverseMatch as error:
            raise ValueError("This file is not accessible via a URL.") from error

    def _info(self, name: str) -> ObjectInfo:
        try:
            return self.provider.head(self._key(name))
        except ObjectNotFound as error:
            raise FileNotFoundError(name) from error

    def _key(self, name: str) -> str:
        try:
            return self.policy.key(FILES, name)
        except InvalidObjectKey as error:
            raise SuspiciousFileOperation(str(error)) from error


def _guessed(filename: str) -> str:
    return mimetypes.guess_type(filename)[0] or UNKNOWN_TYPE


def _chunks_of(content: Any) -> Iterator[bytes]:
    for chunk in content.chunks():
        yield chunk.encode() if isinstance(chunk, str) else chunk
