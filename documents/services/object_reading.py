"""Reading the object of a row: in the store that the row names, or a copy of it behind that one."""

from collections.abc import Callable
from typing import TypeVar

from documents.errors import ObjectNotFound
from documents.models import Attachment, Payload
from documents.services.keys import attachment_id_in
from documents.storage.base import StorageProvider
from documents.wiring import readable_provider

Answer = TypeVar("Answer")


def read_where_it_is(row: Attachment | Payload, read: Callable[[StorageProvider], Answer]) -> Answer:
    """Return what ``read`` makes of the provider in which the row says its object is.

    ``read`` opens ``row.storage_path`` there. A row that was switched to another store meanwhile is refreshed and read
    once more. Raises ObjectNotFound where the object, or the row itself, is not there, and what ``read`` raises.
    """
    place = row.storage_type, row.storage_path
    try:
        return read(readable_provider(row.storage_type, checksum_of))
    except ObjectNotFound as error:
        try:
            row.refresh()
        except (Attachment.DoesNotExist, Payload.DoesNotExist):
            raise error from None
        if place == (row.storage_type, row.storage_path):
            raise
        return read(readable_provider(row.storage_type, checksum_of))


def checksum_of(key: str) -> str:
    """What a copy of the object under ``key`` must have; of an object that no document and no payload has, none fits.

    The vault's own keys hold the id of their row, which is asked for as well.
    """
    row_id = attachment_id_in(key)
    named = {"storage_path": key} if row_id is None else {"storage_path": key, "pk": row_id}
    for model in (Attachment, Payload):
        digest = model._default_manager.filter(**named).values_list("digest", flat=True).first()
        if digest is not None:
            return f"sha256:{digest}"
    return "sha256:"
