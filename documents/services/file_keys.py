"""The key blocks of sealed files of other apps, which have no row: in their headers, and newer ones beside them."""

from collections.abc import Iterator
from uuid import UUID

from documents.encryption.envelope import (
    MAX_HEADER_SIZE,
    MIN_HEADER_SIZE,
    PREFIX_SIZE,
    claimed_key_block,
    header_size,
    open_header,
)
from documents.encryption.keyring import KeyRing
from documents.encryption.recipients import recipients_of
from documents.errors import EncryptionError, IntegrityMismatch
from documents.models import Vault
from documents.services.sealed_files import FILES, ids_of_file
from documents.services.sidecars import keep_sidecar, read_sidecars, sequence_in
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


def keys_of_files(policy: str) -> Iterator[str]:
    """Yield the object keys of a place, lazily. Raises StorageError."""
    # Whatever their ending: those that were adopted have the names that their rows had before.
    for info in provider_of_files(policy).iter_locations(places_of_files()[policy]):
        yield info.key


def recipients_of_file(provider: StorageProvider, key: str, vault_id: UUID) -> tuple[bytes, ...]:
    """Return the KEK ids that its newest key block says it is wrapped for; no key is needed, nothing is verified.

    Raises MalformedEnvelope, UnsupportedEnvelope, StorageError.
    """
    blocks = [
        claimed_key_block(_header(provider, key)),
        *read_sidecars(provider, ids_of_file(key, vault_id).attachment_id),
    ]
    return recipients_of(max(blocks, key=sequence_in))


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
        try:
            keep_sidecar(provider, ids.attachment_id, opened.rewrap(ring))
        except IntegrityMismatch:
            if is_last:  # another worker was quicker, unless it is so again
                raise
        else:
            return True
    raise AssertionError("unreachable")


def files_wrapped_for(kek_id: bytes) -> tuple[int, int]:
    """Return how many files there are, and how many of them are wrapped for this KEK. Raises StorageError."""
    count = under_it = 0
    vault_id = Vault.current_id()
    for policy in places_of_files():
        provider = provider_of_files(policy)
        for key in keys_of_files(policy):
            count += 1
            try:
                under_it += kek_id in recipients_of_file(provider, key, vault_id)
            except EncryptionError:
                continue  # no envelope, or damaged: nobody can say for whom
    return count, under_it


def _header(provider: StorageProvider, key: str) -> bytes:
    start = provider.get_range(key, 0, MIN_HEADER_SIZE)
    size = min(header_size(start[:PREFIX_SIZE]), MAX_HEADER_SIZE)
    return start if size <= len(start) else start + provider.get_range(key, len(start), size - len(start))
