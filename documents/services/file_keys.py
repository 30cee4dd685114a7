"""The key blocks of sealed files of other apps, which have no row: in their headers, and newer ones beside them."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from documents.encryption.envelope import (
    MAX_HEADER_SIZE,
    MIN_HEADER_SIZE,
    PREFIX_SIZE,
    claimed_key_block,
    header_size,
    open_header,
)
from documents.encryption.header import MAGIC
from documents.encryption.keyring import KeyRing
from documents.encryption.recipients import recipients_of
from documents.errors import (
    EncryptionError,
    IntegrityMismatch,
    KeyRingError,
    MalformedEnvelope,
    ObjectNotFound,
    RangeNotSatisfiable,
    UnsupportedEnvelope,
)
from documents.models import Vault
from documents.services.sealed_files import FILES, ids_of_file
from documents.services.sidecars import keep_sidecar, numbers_of_sidecars, read_sidecars
from documents.storage.base import StorageProvider
from documents.wiring import storage_manager


def places_of_files() -> dict[str, str]:
    """Return where such files are, each place once: the prefix of their keys, by the name of one of its policies."""
    places: dict[tuple[str, str], str] = {}
    for policy in storage_manager().policies():
        places.setdefault((policy.store, f"{policy.key(FILES)}/"), policy.name)
    return {name: prefix for (_store, prefix), name in places.items()}


def provider_of_files(policy: str) -> StorageProvider:
    """Return the provider of a place. Raises PolicyNotFound, ConfigurationError."""
    manager = storage_manager()
    return manager.provider(manager.policy(policy).store)


def prefix_of_files(policy: str) -> str:
    """Return what the object keys of a place begin with. Raises PolicyNotFound."""
    # Whatever their ending: those that were adopted have the names that their rows had before.
    return f"{storage_manager().policy(policy).key(FILES)}/"


def keys_of_files(policy: str) -> Iterator[str]:
    """Yield the object keys of a place, lazily. Raises PolicyNotFound, ConfigurationError, StorageError."""
    for info in provider_of_files(policy).iter_locations(prefix_of_files(policy)):
        yield info.key


def keks_that_open(provider: StorageProvider, key: str, vault_id: UUID, ring: KeyRing) -> set[bytes]:
    """Return the KEK ids without which the file might not open: those of its newest key block that verifies.

    Where none verifies, all that are named in its header and beside it. What does not begin as an envelope needs no
    KEK. Raises MalformedEnvelope, UnsupportedEnvelope for an envelope of which nobody can say, KeyRingError,
    StorageError.
    """
    ids = ids_of_file(key, vault_id)
    try:
        start = provider.get_range(key, 0, MIN_HEADER_SIZE)
    except RangeNotSatisfiable:  # empty
        return set()
    if not start.startswith(MAGIC):
        return set()
    header = _whole_header(provider, key, start)
    named = set(recipients_of(claimed_key_block(header)))
    beside = read_sidecars(provider, ids.attachment_id)
    try:
        return set(recipients_of(open_header(header, ring, expected=ids, key_blocks=beside).row.key_block))
    except KeyRingError:
        raise
    except EncryptionError:
        for block in beside:
            with suppress(MalformedEnvelope):
                named |= set(recipients_of(block))
        return named


def rewrap_file(provider: StorageProvider, key: str, ring: KeyRing, vault_id: UUID) -> bool:
    """Have a key block for the ring's recipients beside the file. Returns False where the newest one is that already.

    Asks no database. Safe to repeat and in parallel. Raises EncryptionError, StorageError.
    """
    ids, wanted = ids_of_file(key, vault_id), tuple(kek.kek_id for kek in ring.recipients)
    header = _header(provider, key)
    for is_last in (False, True):
        beside = read_sidecars(provider, ids.attachment_id)
        opened = open_header(header, ring, expected=ids, key_blocks=beside).row
        if recipients_of(opened.key_block) == wanted:
            return False
        # What is there and does not verify is left where it is, and passed by.
        taken = numbers_of_sidecars(provider, ids.attachment_id)
        try:
            keep_sidecar(provider, ids.attachment_id, opened.rewrap(ring, taken=taken))
        except IntegrityMismatch:
            if is_last:  # another worker was quicker, unless it is so again
                raise
        else:
            return True
    raise AssertionError("unreachable")


def files_wrapped_for(kek_id: bytes, ring: KeyRing) -> tuple[int, int, int]:
    """Return how many files there are, how many of them need this KEK, and of how many nobody can say.

    Each is looked at with the ring's keys. Raises KeyRingError, StorageError.
    """
    looked_at = under_it = unreadable = 0
    vault_id = Vault.current_id()
    for policy in places_of_files():
        provider = provider_of_files(policy)
        for key in keys_of_files(policy):
            looked_at += 1
            try:
                under_it += kek_id in keks_that_open(provider, key, vault_id, ring)
            except ObjectNotFound:  # deleted meanwhile
                continue
            except (MalformedEnvelope, UnsupportedEnvelope, RangeNotSatisfiable):
                unreadable += 1
    return looked_at, under_it, unreadable


def _header(provider: StorageProvider, key: str) -> bytes:
    return _whole_header(provider, key, provider.get_range(key, 0, MIN_HEADER_SIZE))


def _whole_header(provider: StorageProvider, key: str, start: bytes) -> bytes:
    size = min(header_size(start[:PREFIX_SIZE]), MAX_HEADER_SIZE)
    return start if size <= len(start) else start + provider.get_range(key, len(start), size - len(start))
