"""Rewrapping one attachment: a new key block for the same DEK, into the row and beside the object (FORMAT.md §9)."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from documents.encryption.envelope import MAX_HEADER_SIZE, OpenRow, header_size, open_header, open_row
from documents.encryption.keyring import KeyRing
from documents.encryption.recipients import digest_of_block
from documents.errors import EncryptionError, KeyRingError, UnwrapFailed
from documents.models import Attachment, Payload, SealedObject, StagedAttachment
from documents.services.sidecars import delete_sidecars, keep_sidecar, numbers_of_sidecars, read_sidecars
from documents.wiring import storage_provider

# Whatever names a sealed object.
Row = Attachment | StagedAttachment | Payload


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """The row's key block as it was read, and the one to take its place. ``kek_id`` is the new primary's, in hex."""

    pk: UUID
    storage_type: str
    before: bytes
    after: bytes
    kek_id: str


def rewrapped(row: Row, key_ring: KeyRing) -> Rewrapped:
    """Unwrap the row's DEK and wrap it for the ring's recipients; nothing is written.

    A block that is wrapped for them and opens stays as it is. Where the row's own does not open, the object's header
    and its sidecars are read. Raises EncryptionError, StorageError, ConfigurationError.
    """
    storage_provider(row.storage_type)  # without it no sidecar can be put there
    before = bytes(row.key_block)
    try:
        opened = open_row(bytes(row.envelope_core), before, key_ring)
        if opened.kek_ids == tuple(kek.kek_id for kek in key_ring.recipients):
            return Rewrapped(row.pk, row.storage_type, before, before, key_ring.primary.kek_id.hex())
    except KeyRingError:
        raise
    except EncryptionError:
        opened = _from_object(row, key_ring)
    return Rewrapped(row.pk, row.storage_type, before, opened.rewrap(key_ring), key_ring.primary.kek_id.hex())


def _from_object(row: SealedObject, key_ring: KeyRing) -> OpenRow:
    provider = storage_provider(row.storage_type)
    with provider.open(row.storage_path, length=MAX_HEADER_SIZE) as reader:
        start = reader.read()
    beside = read_sidecars(provider, row.pk)
    envelope = open_header(
        start[: header_size(start)],
        key_ring,
        expected=None,  # the context says as much, and is compared
        key_blocks=[*beside, bytes(row.key_block)],
        expected_prefix_core=bytes(row.envelope_core),
    )
    return envelope.row


def rewrap_past_others(model: type[Row], row_id: UUID, key_ring: KeyRing) -> None:
    """Rewrap a row beside whose object there is another block under the number that its own has.

    A database that was restored knows nothing of a rotation since; or somebody else put something there. The highest
    block that opens counts, the row's and those beside the object alike; the new one gets the next number that nothing
    has. The row first, then the sidecar. Safe to repeat. Raises EncryptionError, StorageError, ConfigurationError.
    """
    found = ((table, table._default_manager.filter(pk=row_id).first()) for table in (model, Attachment))
    model, row = next(((table, row) for table, row in found if row is not None), (model, None))
    if row is None:
        return
    provider, before = storage_provider(row.storage_type), bytes(row.key_block)
    opened = newest_that_opens(row, read_sidecars(provider, row_id), key_ring)
    after = opened.rewrap(key_ring, taken=numbers_of_sidecars(provider, row_id))
    same = model._default_manager.filter(pk=row_id, key_block=before)
    if same.update(key_block=after, kek_id=key_ring.primary.kek_id.hex(), recipients=digest_of_block(after)):
        keep_beside(model, row_id)


def newest_that_opens(row: Row, beside: Iterable[bytes], key_ring: KeyRing) -> OpenRow:
    """Return what the highest of the row's block and these opens to. Raises EncryptionError where none does."""
    opened = []
    for block in (bytes(row.key_block), *beside):
        try:
            opened.append(open_row(bytes(row.envelope_core), block, key_ring))
        except KeyRingError:
            raise
        except EncryptionError:
            continue
    if not opened:
        raise UnwrapFailed("Neither the row's key block nor any beside the object opens.")
    return max(opened, key=lambda one: one.key_block_seq)


def keep_beside(model: type[Row], row_id: UUID, *, put_in: str | None = None) -> None:
    """Have the row's key block beside its object, in the store where the row says it is now.

    A row that is moved to another store meanwhile has it there as well. Of one that was deleted meanwhile nothing is
    left, in the store ``put_in`` neither, where one was put before. Safe to repeat. Raises StorageError,
    ConfigurationError.
    """
    stores = {put_in} if put_in else set()
    place: tuple[str, bytes] | None = None
    while found := _current(model, row_id):
        if found == place:
            return
        place = found
        stores.add(place[0])
        keep_sidecar(storage_provider(place[0]), row_id, place[1])
    for store in stores:
        delete_sidecars(storage_provider(store), row_id)


def _current(model: type[Row], row_id: UUID) -> tuple[str, bytes] | None:
    """The store and the key block of the row; a staged one may have become an attachment."""
    for table in dict.fromkeys((model, Attachment)):
        found = table._default_manager.filter(pk=row_id).values_list("storage_type", "key_block").first()
        if found is not None:
            return found[0], bytes(found[1])
    return None
