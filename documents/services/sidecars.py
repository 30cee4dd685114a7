"""Sidecars: newer key blocks beside an object, ``keyblocks/<attachment id>.<number>`` (FORMAT.md §7.1, §9).

The row has the newest key block as well; a sidecar is for whoever has the objects and no database. Each is written once
and a few KiB long. No key is needed here.
"""

import heapq
import re
from contextlib import suppress
from uuid import UUID

from documents.errors import IntegrityMismatch, ObjectExists, ObjectNotFound
from documents.storage.base import StorageProvider

SIDECARS = "keyblocks/"
# A reader tries so many key blocks from outside (FORMAT.md §7.1); the row's is one more.
MOST_READ = 7
# Where kb_seq stands in a key block, big-endian (FORMAT.md §2.4).
_SEQUENCE = slice(36, 40)
_SIDECAR = re.compile(rf"{SIDECARS}([0-9a-f-]{{36}})\.(0|[1-9][0-9]{{0,9}})")


def sidecar_key(attachment_id: UUID, key_block: bytes) -> str:
    """Return under which key the block is kept beside the object of this id."""
    return f"{SIDECARS}{attachment_id}.{sequence_in(key_block)}"


def sequence_in(key_block: bytes) -> int:
    """Return kb_seq; 0 is the block in the object's own header, which needs no sidecar."""
    return int.from_bytes(key_block[_SEQUENCE], "big")


def attachment_id_of_sidecar(key: str) -> UUID | None:
    """Return whose sidecar the key names, or None where it is no sidecar's."""
    try:
        return UUID(found[1]) if (found := _SIDECAR.fullmatch(key)) else None
    except ValueError:
        return None


def keep_sidecar(provider: StorageProvider, attachment_id: UUID, key_block: bytes) -> None:
    """Have the block beside its object, read back. A block that stands in the object's header needs none.

    Safe to repeat and in parallel. Raises IntegrityMismatch where another block is there or what is read back
    differs, or another StorageError.
    """
    if sequence_in(key_block) == 0:
        return
    key = sidecar_key(attachment_id, key_block)
    with suppress(ObjectExists):
        provider.put_bytes(key, key_block)
    if provider.get(key) != key_block:
        raise IntegrityMismatch("Another key block is there", provider=provider.name, key=key)


def read_sidecars(provider: StorageProvider, attachment_id: UUID) -> list[bytes]:
    """Return the newest key blocks beside the object, as many as a reader may try. Raises StorageError."""
    place = f"{SIDECARS}{attachment_id}."
    numbered = ((info.key.removeprefix(place), info) for info in provider.iter_locations(place))
    newest = heapq.nlargest(
        MOST_READ, ((int(number), info.key) for number, info in numbered if number.isascii() and number.isdigit())
    )
    blocks = []
    for _number, key in newest:
        with suppress(ObjectNotFound):  # removed meanwhile
            blocks.append(provider.get(key))
    return blocks


def numbers_of_sidecars(provider: StorageProvider, attachment_id: UUID) -> set[int]:
    """Return the numbers under which there is anything beside the object, whatever it is. Raises StorageError."""
    place = f"{SIDECARS}{attachment_id}."
    numbers = (info.key.removeprefix(place) for info in provider.iter_locations(place))
    return {int(number) for number in numbers if number.isascii() and number.isdigit()}


def has_sidecars(provider: StorageProvider) -> bool:
    """Whether there is any sidecar in this store. Raises StorageError."""
    return next(iter(provider.iter_locations(SIDECARS)), None) is not None


def delete_sidecars(provider: StorageProvider, attachment_id: UUID) -> None:
    """Delete the object's sidecars from one store. Safe to repeat. Raises StorageError."""
    for info in list(provider.iter_locations(f"{SIDECARS}{attachment_id}.")):
        provider.delete(info.key)
