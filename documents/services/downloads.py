"""Opening an attachment: the object streams through the envelope, and no byte leaves that did not verify."""

from collections.abc import Iterator
from contextlib import ExitStack

import structlog
from django.db import transaction
from django.db.models.functions import Now

from documents.encryption.envelope import (
    MAX_HEADER_SIZE,
    MIN_HEADER_SIZE,
    PREFIX_SIZE,
    EnvelopeIds,
    OpenEnvelope,
    header_size,
    open_header,
)
from documents.errors import (
    AuthenticationFailed,
    ConfigurationError,
    DocumentNotFound,
    DocumentUnreadable,
    EncryptionError,
    IntegrityMismatch,
    KeyRingError,
    MalformedEnvelope,
    ObjectNotFound,
    RangeNotSatisfiable,
    StorageError,
    UnknownKey,
    UnwrapFailed,
    WeakWrap,
)
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.legacy.opening import pieces_of
from documents.models import Attachment, SealedObject, Vault
from documents.services import audit
from documents.services.actors import Actor
from documents.services.legacy_reading import demand_weak_wraps, open_in_place
from documents.services.object_reading import read_where_it_is
from documents.services.sidecars import read_sidecars
from documents.storage.base import ObjectReader, StorageProvider
from documents.storage.streaming import ClosesAtEnd
from documents.wiring import storage_provider

log = structlog.get_logger(__name__)


def can_open_documents() -> bool:
    """Whether this process holds a private key. An upload tier of public keys alone opens nothing."""
    try:
        return key_ring().can_open
    except (ConfigurationError, EncryptionError):
        return False


def open_download(attachment: Attachment, actor: Actor, *, start: int, stop: int) -> "Download":
    """Open a download for the document's owner, and audit it. Raises as ``Download`` does."""
    download = Download(attachment, actor, start=start, stop=stop)
    try:
        audit.record(
            "document.downloaded",
            actor,
            document_id=attachment.document_id,
            attachment_id=attachment.pk,
            start=start,
            stop=stop,
        )
    except BaseException:
        download.close()
        raise
    failpoint("download.opened")
    return download


class Download(ClosesAtEnd):
    """Plaintext bytes [start, stop) of an attachment, as an iterator. The caller closes it.

    Each piece is a view of a reused buffer, valid until the next is asked for. The first chunk has verified when the
    object exists; where a later one does not, the iterator raises DocumentUnreadable, and the caller must abort the
    connection: a body that ended early must not look complete.

    Raises DocumentUnreadable where the stored object is missing or damaged (it is then marked suspect and audited),
    DocumentNotFound where the document was deleted meanwhile, StorageError where the store does not answer,
    KeyRingError where this process holds no private key.
    """

    def __init__(self, attachment: Attachment, actor: Actor, *, start: int, stop: int) -> None:
        key_ring().require_private_keys()
        self.attachment, self.start, self.stop = attachment, start, stop
        self._actor = actor
        self._resources = ExitStack()
        try:
            self._pieces = self._verified()
            self._first = next(self._pieces, None)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[memoryview]:
        with self:
            if self._first is not None:
                yield self._first
            yield from self._pieces
            if (self.start, self.stop) == (0, self.attachment.size) and self.attachment.suspect_at:
                # The whole of it has verified: it was repaired.
                Attachment.objects.filter(pk=self.attachment.pk).update(suspect_at=None)

    def close(self) -> None:
        """Release the connection to the store. May be called again."""
        self._resources.close()

    def _read_row_again(self) -> None:
        try:
            self.attachment.refresh()
        except Attachment.DoesNotExist as error:
            raise DocumentNotFound from error

    def _open_at(self, provider: StorageProvider) -> Iterator[memoryview]:
        """A whole document is one request to the store; a range is two: the header, and the chunks that cover it.

        One that is read in place is read as a whole in any case: it has one tag.
        """
        attachment, start, stop = self.attachment, self.start, self.stop
        if attachment.is_in_place:
            demand_weak_wraps()
            return pieces_of(open_in_place(attachment, provider), start=start, stop=stop)
        whole = (start, stop) == (0, attachment.size)
        reader = self._resources.enter_context(
            provider.open(attachment.storage_path, length=None if whole else MAX_HEADER_SIZE)
        )
        ids = EnvelopeIds(Vault.current_id(), attachment.document_id, attachment.pk)
        envelope, size = open_envelope(reader, attachment, ids), reader.info.size
        if whole:
            return envelope.open_chunks(reader, object_size=size)
        reader.close()
        place = envelope.object_range(start, stop, size)
        part = self._resources.enter_context(
            provider.open(attachment.storage_path, start=place.start, length=place.stop - place.start)
        )
        return envelope.open_chunks(part, object_size=size, start=start, stop=stop)

    def _verified(self) -> Iterator[memoryview]:
        try:
            yield from read_where_it_is(self.attachment, self._open_at)
        except KeyRingError:
            raise
        except (EncryptionError, IntegrityMismatch, ObjectNotFound, RangeNotSatisfiable) as error:
            self._read_row_again()
            self._record_unreadable(error)
            raise DocumentUnreadable from error

    def _record_unreadable(self, error: EncryptionError | StorageError) -> None:
        """Audit it, and mark the attachment suspect: not where only the key is missing or weakly wrapped."""
        attachment = self.attachment
        log.error(
            "attachment_unreadable", attachment_id=str(attachment.pk), key=attachment.storage_path, error=str(error)
        )
        with transaction.atomic():
            if not isinstance(error, (UnknownKey, WeakWrap)):
                Attachment.objects.filter(pk=attachment.pk, suspect_at=None).update(suspect_at=Now())
            audit.record(
                "attachment.unreadable",
                self._actor,
                document_id=attachment.document_id,
                attachment_id=attachment.pk,
                reason=type(error).__name__,
            )


def open_envelope(reader: ObjectReader, sealed: SealedObject, ids: EnvelopeIds) -> OpenEnvelope:
    """Read and verify the header. It has these ids, and the context and the length that the row keeps."""
    header = _read_exactly(reader, MIN_HEADER_SIZE)
    header += _read_exactly(reader, header_size(header[:PREFIX_SIZE]) - len(header))
    blocks, core = [bytes(sealed.key_block)], bytes(sealed.envelope_core)
    try:
        envelope = open_header(header, key_ring(), expected=ids, key_blocks=blocks, expected_prefix_core=core)
    except (UnwrapFailed, WeakWrap):
        # The row's key block may be damaged; the same one stands beside the object.
        if not (beside := read_sidecars(storage_provider(sealed.storage_type), ids.attachment_id)):
            raise
        log.warning("key_block_beside_object_used", attachment_id=str(ids.attachment_id))
        envelope = open_header(header, key_ring(), expected=ids, key_blocks=beside, expected_prefix_core=core)
    if envelope.plaintext_size(reader.info.size) != sealed.size:
        raise AuthenticationFailed("The object has another length than the one that was stored here.")
    return envelope


def _read_exactly(reader: ObjectReader, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = reader.read(size - len(data))
        if not piece:
            raise MalformedEnvelope(f"The object ends after {len(data):,} bytes, inside its header.")
        data += piece
    return data
