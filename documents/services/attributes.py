"""The attributes of a document: what its owner notes beside it, as a JSON object. Large ones are sealed payloads.

What is small stays in the row, in clear, as the title does; docs/payloads.md says what is taken out.
"""

from collections.abc import Mapping
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction

from documents.conf.payloads import LARGEST
from documents.errors import (
    ConfigurationError,
    DocumentNotFound,
    EncryptionError,
    PayloadError,
    PayloadInvalid,
    PayloadReferenceInvalid,
    PayloadTooLarge,
    PayloadUnreadable,
    SealOnlyKeyRing,
    StorageError,
)
from documents.failpoints import failpoint
from documents.models import Document, ObjectRemoval, Payload
from documents.services import audit
from documents.services.actors import SYSTEM, Actor
from documents.services.deletion import remove_object
from documents.services.editions import locked_document
from documents.services.names import clean_title
from documents.services.payload_sweeping import delete_rows, remove_payloads
from documents.services.payload_values import JSON, check, compact, encode
from documents.services.payloads import Dehydrated, Limits, hydrate, seal_value
from documents.services.renaming import retitle
from documents.wiring import vault_config

log = structlog.get_logger(__name__)

ATTRIBUTION = "documents"
LONGEST_NAME = 100  # characters
MOST_ATTRIBUTES = 100
MAX_SIZE = 256 * 1024  # bytes of the compact JSON form, all attributes together


def set_attributes(
    document_id: UUID,
    attributes: Mapping[str, JSON],
    *,
    owner: User | None,
    actor: Actor,
    title: str | None = None,
    seen: str | None = None,
) -> Document:
    """Replace all attributes of a document and return it. Payloads of the earlier ones are removed.

    With ``title`` that is set as well, as by ``rename_document``, in the same transaction. ``seen`` is the edition that
    somebody looked at (``editions.edition_of``): DocumentChanged is raised where it is no longer the document's.

    Names are made plain: one line without control characters. Raises DocumentNotFound where it is not the owner's;
    PayloadInvalid for a name that is empty, longer than 100 characters or there twice, and for what is not JSON;
    PayloadTooLarge, PayloadTooDeep or PayloadCyclic beyond a limit; StorageError where a large value cannot be stored.
    Nothing is changed then. Raises RuntimeError inside a transaction of the caller's.
    """
    wanted = _cleaned(attributes)
    if not Document.objects.filter(pk=document_id, owner=owner).exists():
        raise DocumentNotFound
    payloads = vault_config().payloads
    limits = Limits(payloads.inline_limit, payloads.max_depth)
    made = seal_value(wanted, attribution=ATTRIBUTION, owner=owner, actor=actor, limits=limits)
    try:
        document, removals = _replace(document_id, made, owner, actor, title, seen)
    except BaseException:
        # Only what no document holds is removed: a commit whose answer was lost may have kept it.
        remove_payloads((payload.pk for payload in made.payloads), actor, reason="failed")
        raise
    failpoint("attributes.committed")
    for removal in removals:
        remove_object(removal)
    return document


def attributes_of(document: Document, *, actor: Actor = SYSTEM) -> dict[str, JSON]:
    """Return the attributes as they were set. Limits were kept then: none that was lowered since hides them.

    Raises PayloadUnreadable where a sealed one is missing or damaged, StorageError where the store does not answer,
    KeyRingError where this process holds no private key and one is sealed.
    """
    try:
        found: dict[str, JSON] = hydrate(
            document.attributes, attribution=ATTRIBUTION, owner=document.owner, actor=actor, max_size=LARGEST
        )
    except PayloadReferenceInvalid as error:  # the row itself is not what was written
        if _was_replaced(document):
            return attributes_of(document, actor=actor)
        raise PayloadUnreadable from error
    return found


def readable_attributes(document: Document, actor: Actor) -> dict[str, JSON] | None:
    """Return the attributes, or None where they cannot be read here and now: a face shows the rest all the same.

    A log tells why, but for a server that holds no private key, where it is meant to be so.
    """
    try:
        return attributes_of(document, actor=actor)
    except SealOnlyKeyRing:
        return None
    except (ConfigurationError, EncryptionError, PayloadError, StorageError) as error:
        log.warning("attributes_unreadable", document_id=str(document.pk), code=error.code, error=type(error).__name__)
        return None


def _was_replaced(document: Document) -> bool:
    """Whether the attributes were set anew after this document was read; it then has the new ones."""
    before = document.attributes
    try:
        document.refresh_from_db(fields=["attributes"])
    except Document.DoesNotExist as error:
        raise DocumentNotFound from error
    return bool(before != document.attributes)


def _replace(
    document_id: UUID, made: Dehydrated, owner: User | None, actor: Actor, title: str | None, seen: str | None
) -> tuple[Document, list[ObjectRemoval]]:
    with transaction.atomic(durable=True):
        document = locked_document(document_id, owner=owner, seen=seen)
        earlier = list(document.payloads.select_for_update(of=("self",)).order_by("pk"))
        held = Payload.objects.filter(pk__in=[payload.pk for payload in made.payloads])
        if held.update(document=document, unheld_since=None) != len(made.payloads):
            raise PayloadUnreadable  # swept meanwhile: it took longer than the grace
        document.attributes = made.value
        document.save(update_fields=["attributes", "updated_at"])
        audit.record("document.attributes-set", actor, document_id=document_id, count=len(made.value))
        if title is not None:
            retitle(document, title, actor)
        removals = delete_rows(earlier, actor, reason="replaced")
        failpoint("attributes.in-transaction")
    return document, removals


def _cleaned(attributes: Mapping[str, JSON]) -> dict[str, JSON]:
    config = vault_config().payloads
    given = dict(attributes)
    check(given, max_depth=config.max_depth, max_size=MAX_SIZE)
    wanted: dict[str, JSON] = {}
    for name, value in given.items():
        plain = clean_title(name, filename="")
        if not plain or len(plain) > LONGEST_NAME or plain in wanted:
            raise PayloadInvalid(f"The name of an attribute is empty, there twice, or over {LONGEST_NAME} characters")
        wanted[plain] = value
    if len(wanted) > MOST_ATTRIBUTES:
        raise PayloadTooLarge(MOST_ATTRIBUTES, "attributes")
    if len(compact(encode(wanted))) > MAX_SIZE:
        raise PayloadTooLarge(MAX_SIZE)
    return wanted
