"""Ten ways in which what is stored can be wrong, each done to one document, and the class that tells of it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from documents.encryption.keyring import KeyRing, load_kek
from documents.encryption.opening import open_row
from documents.encryption.recipients import digest_of_block
from documents.encryption.vectors.keys import pem_of
from documents.key_rings import key_ring
from documents.models import Attachment
from documents.services.sidecars import sidecar_key
from documents.storage.base import StorageProvider


@dataclass(frozen=True)
class Defect:
    """What a verification should tell: its class, and the key of the object that it is about."""

    code: str
    key: str


Damage = Callable[[StorageProvider, Attachment, Attachment], Defect]


def replace(provider: StorageProvider, key: str, body: bytes) -> None:
    """Put other bytes under a key, as somebody with the store's own rights can."""
    provider.delete(key)
    provider.put_bytes(key, body)


def missing(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    provider.delete(row.storage_path)
    return Defect("missing", row.storage_path)


def flipped_in_the_body(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    body = bytearray(provider.get(row.storage_path))
    body[-3] ^= 1
    replace(provider, row.storage_path, bytes(body))
    return Defect("damaged", row.storage_path)


def flipped_in_the_header(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    """In the id: it still is no other envelope."""
    body = bytearray(provider.get(row.storage_path))
    body[50] ^= 1
    replace(provider, row.storage_path, bytes(body))
    return Defect("damaged", row.storage_path)


def cut(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    replace(provider, row.storage_path, provider.get(row.storage_path)[:-1])
    return Defect("wrong-size", row.storage_path)


def extended(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    replace(provider, row.storage_path, provider.get(row.storage_path) + b"x")
    return Defect("wrong-size", row.storage_path)


def emptied(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    replace(provider, row.storage_path, b"")
    return Defect("wrong-size", row.storage_path)


def exchanged(provider: StorageProvider, row: Attachment, other: Attachment) -> Defect:
    replace(provider, row.storage_path, provider.get(other.storage_path))
    return Defect("wrong-object", row.storage_path)


def unknown_key(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    """An attacker's key block: the right DEK, wrapped for his own KEK."""
    ring = key_ring()
    his = KeyRing(load_kek(pem_of("stranger")), [load_kek(pem_of("recovery"))])
    block = open_row(bytes(row.envelope_core), bytes(row.key_block), ring).rewrap(his)
    Attachment.objects.filter(pk=row.pk).update(key_block=block, recipients=digest_of_block(block))
    provider.put_bytes(sidecar_key(row.pk, block), block)
    return Defect("unknown-key", row.storage_path)


def without_its_sidecar(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    provider.delete(_rewrapped(provider, row))
    return Defect("sidecar-missing", row.storage_path)


def with_another_sidecar(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    key = _rewrapped(provider, row)
    replace(provider, key, provider.get(key)[:-1])
    return Defect("sidecar-damaged", row.storage_path)


def orphan(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    key = row.storage_path.replace(str(row.pk), str(uuid.uuid4()))
    provider.put_bytes(key, provider.get(row.storage_path))
    return Defect("orphan", key)


def stray_sidecar(provider: StorageProvider, row: Attachment, _other: Attachment) -> Defect:
    key = f"keyblocks/{uuid.uuid4()}.1"
    provider.put_bytes(key, bytes(row.key_block))
    return Defect("orphan", key)


DAMAGES: tuple[Damage, ...] = (
    missing, flipped_in_the_body, flipped_in_the_header, cut, extended, emptied, exchanged, unknown_key,
    without_its_sidecar, with_another_sidecar, orphan, stray_sidecar,
)  # fmt: skip


def _rewrapped(provider: StorageProvider, row: Attachment) -> str:
    """Rewrap it for the same recipients; returns the key of its sidecar."""
    ring = key_ring()
    block = open_row(bytes(row.envelope_core), bytes(row.key_block), ring).rewrap(ring)
    Attachment.objects.filter(pk=row.pk).update(key_block=block)
    key = sidecar_key(row.pk, block)
    provider.put_bytes(key, block)
    return key
