"""Sidecars: newer key blocks beside an object, ``keyblocks/<attachment id>.<number>`` (FORMAT.md §7.1, §9).

The row has the newest key block as well; a sidecar is for whoever has the objects and no database. Each is written once
and a few KiB long. No key is needed here.
"""

import heapq
import re
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from documents.errors import IntegrityMismatch, ObjectExists, ObjectNotFound, RangeNotSatisfiable
from documents.storage.base import StorageProvider

SIDECARS = "keyblocks/"
# A reader tries so many key blocks from outside (FORMAT.md §7.1); the row's is one more.
MOST_READ = 7
# The highest kb_seq, and the bytes of the largest key block with its length field (FORMAT.md §2.4).
_HIGHEST, _LARGEST = 0xFFFFFFFF, 16_604
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


def number_of_sidecar(key: str) -> int:
    """Return the number in the key of a sidecar. Raises ValueError for another key."""
    if found := _SIDECAR.fullmatch(key):
        return int(found[2])
    raise ValueError(f"{key!r} is no sidecar's")


def keep_sidecar(provider: StorageProvider, attachment_id: UUID, key_block: bytes) -> bool:
    """Have the block beside its object, read back. A block that stands in the object's header needs none.

    Returns whether it was put there now. Safe to repeat and in parallel. Raises IntegrityMismatch where another block
    is there or what is read back differs, or another StorageError.
    """
    if sequence_in(key_block) == 0:
        return False
    key, is_new = sidecar_key(attachment_id, key_block), False
    with suppress(ObjectExists):
        provider.put_bytes(key, key_block)
        is_new = True
    if read_sidecar(provider, key) != key_block:
        raise IntegrityMismatch("Another key block is there", provider=provider.name, key=key)
    return is_new


def read_sidecar(provider: StorageProvider, key: str) -> bytes:
    """Return what is there, and of something larger than any key block no more than shows that. Raises StorageError."""
    try:
        return provider.get_range(key, 0, _LARGEST + 1)
    except RangeNotSatisfiable:  # empty
        return b""


def read_sidecars(provider: StorageProvider, attachment_id: UUID) -> list[bytes]:
    """Return the newest key blocks beside the object, as many as a reader may try. Raises StorageError."""
    newest = heapq.nlargest(MOST_READ, _numbered(provider, attachment_id))
    blocks = []
    for _number, key in newest:
        with suppress(ObjectNotFound):  # removed meanwhile
            blocks.append(read_sidecar(provider, key))
    return blocks


def numbers_of_sidecars(provider: StorageProvider, attachment_id: UUID) -> set[int]:
    """Return the numbers under which there is anything beside the object, whatever it is. Raises StorageError."""
    return {number for number, _key in _numbered(provider, attachment_id)}


def _numbered(provider: StorageProvider, attachment_id: UUID) -> Iterator[tuple[int, str]]:
    """The numbers and keys of what is beside the object. What no key block can be numbered is none."""
    for info in provider.iter_locations(f"{SIDECARS}{attachment_id}."):
        if (found := _SIDECAR.fullmatch(info.key)) and int(found[2]) <= _HIGHEST:
            yield int(found[2]), info.key


def has_sidecars(provider: StorageProvider) -> bool:
    """Whether there is any sidecar in this store. Raises StorageError."""
    return next(iter(provider.iter_locations(SIDECARS)), None) is not None


def delete_sidecars(provider: StorageProvider, attachment_id: UUID) -> None:
    """Delete the object's sidecars from one store. Safe to repeat. Raises StorageError."""
    for info in list(provider.iter_locations(f"{SIDECARS}{attachment_id}.")):
        provider.delete(info.key)
