"""The vault's own storage service: store, retrieve, delete a document, and share it by a URL that expires.

This is what other code calls, be it an app of the same Django project or a script. Every method has an asynchronous
twin with an ``a`` before its name, as in Django's own API.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.urls import reverse

from documents.models import Document
from documents.services.actors import Actor
from documents.services.deletion import delete_document
from documents.services.downloads import Download, open_download
from documents.services.links import create_link
from documents.services.staging import confirm_upload
from documents.services.uploads import begin_upload
from documents.storage.base import Buffer
from documents.storage.policies import DEFAULT


class ObjectStorageService:
    """Documents of one user. Give the ``Actor`` that the audit log shall name; by default the user, via "code"."""

    def __init__(self, user: User, actor: Actor | None = None) -> None:
        self.user = user
        self.actor = actor or Actor(user=user, via="code")

    def store(
        self,
        chunks: Iterable[Buffer],
        *,
        filename: str,
        content_type: str = "application/octet-stream",
        title: str = "",
        policy: str = DEFAULT,
    ) -> Document:
        """Seal and store the bytes that ``chunks`` yields, as a new document, by a policy of the storage file.

        When it returns, the document is durable. Raises UploadTooLarge, PolicyError, StorageError, or whatever
        ``chunks`` raises; nothing is left then.
        """
        with begin_upload(
            owner=self.user, filename=filename, content_type=content_type, actor=self.actor, policy=policy
        ) as upload:
            for chunk in chunks:
                upload.write(chunk)
            staged = upload.finish()
        return confirm_upload(staged.pk, owner=self.user, title=title, actor=self.actor)

    def retrieve(self, document_id: UUID) -> Download:
        """Open the current version. The caller iterates and closes it. Raises DocumentNotFound, DocumentUnreadable."""
        attachment = Document.objects.get_visible_to(self.user, document_id).current_attachment()
        return open_download(attachment, self.actor, start=0, stop=attachment.size)

    def delete(self, document_id: UUID) -> None:
        """Delete the document and its objects. Raises DocumentNotFound, RetentionActive."""
        delete_document(document_id, owner=self.user, actor=self.actor)

    def download_url(self, document_id: UUID, *, expires_in: timedelta | None = None) -> str:
        """Return the path of a new link that gives the document until it expires (24 hours unless said otherwise).

        It is relative to the vault's origin. Raises DocumentNotFound, LinkRejected.
        """
        document = Document.objects.get_visible_to(self.user, document_id)
        made = create_link(document, creator=self.user, actor=self.actor, expires_in=expires_in)
        return reverse("links:open", args=[made.token])

    async def astore(
        self,
        chunks: Iterable[Buffer],
        *,
        filename: str,
        content_type: str = "application/octet-stream",
        title: str = "",
        policy: str = DEFAULT,
    ) -> Document:
        """``store``, in a thread."""
        return await sync_to_async(self.store)(
            chunks, filename=filename, content_type=content_type, title=title, policy=policy
        )

    async def aretrieve(self, document_id: UUID) -> Download:
        """``retrieve``, in a thread. Iterate the download in a thread as well: it reads from the store."""
        return await sync_to_async(self.retrieve)(document_id)

    async def adelete(self, document_id: UUID) -> None:
        """``delete``, in a thread."""
        await sync_to_async(self.delete)(document_id)

    async def adownload_url(self, document_id: UUID, *, expires_in: timedelta | None = None) -> str:
        """``download_url``, in a thread."""
        return await sync_to_async(self.download_url)(document_id, expires_in=expires_in)
