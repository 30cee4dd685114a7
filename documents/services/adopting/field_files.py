"""The files of a field's rows, sealed: as documents, or under the same names for ``VaultStorage``."""

import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial

from documents.errors import (
    AdoptionStopped,
    DocumentUnreadable,
    IntegrityMismatch,
    ObjectExists,
    SourceRefused,
    StorageError,
    VaultError,
)
from documents.failpoints import failpoint
from documents.models import AdoptedSource
from documents.services.adopting.field_batches import FieldRow, batches_of
from documents.services.adopting.fields import FieldOfApp
from documents.services.adopting.limits import Limit
from documents.services.adopting.opening import Original
from documents.services.adopting.outcomes import Outcome, Status, failure_of, outcome_of
from documents.services.adopting.sealing import adopt
from documents.services.adopting.sources import Source, known_sources
from documents.services.adopting.threads import in_threads
from documents.services.adopting.working import Wish
from documents.services.patience import patiently
from documents.services.sealed_files import FILES, SealedFile, seal_file
from documents.storage.base import Buffer
from documents.storage.policies import Policy
from documents.wiring import storage_manager, store_itself

_READ = 256 * 1024  # bytes


def adopt_as_documents(field: FieldOfApp, wish: Wish) -> Generator[Outcome]:
    """Make a document of each row's file and yield what became of each. The rows stay as they are.

    A row whose file is exchanged later is another original. Safe to stop, to repeat, and to run twice at once.
    """
    limit = Limit(wish.limit)
    for batch, failed in batches_of(field, wish, known_sources, limit):
        yield from failed
        known = known_sources([each.source for each in batch])
        work = in_threads(partial(_as_document, field, wish, known), batch, workers=wish.workers, stop=wish.stop)
        yield from limit.counting(work)


def seal_under_names(field: FieldOfApp, policy: str, wish: Wish) -> Generator[Outcome]:
    """Seal each row's file for ``VaultStorage``, under the name that the row has, and yield what became of each.

    No row changes: until the field's storage is switched it reads its old files, and from then on the sealed ones.
    What is there already is opened and compared. Safe to stop, to repeat, and to run twice at once.
    """
    rule, limit = storage_manager().policy(policy), Limit(wish.limit)
    for batch, failed in batches_of(field, wish, partial(_sealed_already, rule), limit):
        yield from failed
        work = in_threads(partial(_under_name, field, rule, wish), batch, workers=wish.workers, stop=wish.stop)
        yield from limit.counting(work)


def _sealed_already(rule: Policy, sources: Sequence[Source]) -> set[str]:
    """Identities of those under whose name something is. Where that cannot be told, it is when its turn comes."""
    found: set[str] = set()
    for source in sources:
        with suppress(VaultError):
            if store_itself(rule.store).exists(rule.key(FILES, source.key)):
                found.add(source.identity)
    return found


def _as_document(field: FieldOfApp, wish: Wish, known: dict[str, AdoptedSource], each: FieldRow) -> Outcome:
    source = each.source
    try:
        wish.keep_on()
        if row := known.get(source.identity):
            return outcome_of(Status.ALREADY, source, row.attachment)
        owner = field.owner_of(each.row, wish.owners)
        if wish.dry_run:
            return Outcome(Status.PLANNED, source.shown, source.size, owner=owner.get_username() if owner else "")
        with field.original_of(each.row, source) as original:
            note = source.note(digest="")
            attachment = adopt(original, note, owner=owner, actor=wish.actor, keep_on=wish.keep_on)
        return outcome_of(Status.ADOPTED, source, attachment)
    except AdoptionStopped:
        raise
    except VaultError as error:
        return failure_of(source.shown, source.size, error)


def _under_name(field: FieldOfApp, rule: Policy, wish: Wish, each: FieldRow) -> Outcome:
    source = each.source
    try:
        wish.keep_on()
        key = rule.key(FILES, source.key)
        provider = store_itself(rule.store)
        if provider.exists(key):
            _compare(field, rule, key, each, wish)
            return outcome_of(Status.ALREADY, source)
        if wish.dry_run:
            return outcome_of(Status.PLANNED, source)
        with field.original_of(each.row, source) as original:
            status = _seal(original, rule, key, wish)
        if status is Status.ALREADY:
            _compare(field, rule, key, each, wish)
        return outcome_of(status, source)
    except AdoptionStopped:
        raise
    except VaultError as error:
        return failure_of(source.shown, source.size, error)


def _seal(original: Original, rule: Policy, key: str, wish: Wish) -> Status:
    """Seal under this key, then open what the store has and compare. Raises IntegrityMismatch; nothing is left then."""
    told, digest, provider = original.told, hashlib.sha256(), store_itself(rule.store)

    def passing() -> Iterator[Buffer]:
        for piece in original.pieces:
            wish.keep_on()
            digest.update(piece)
            yield piece

    rule.check_type(told.content_type)
    try:
        seal_file(
            provider,
            key,
            passing(),
            filename=told.filename,
            content_type=told.content_type,
            max_size=rule.max_size,
        )
    except ObjectExists:  # another run, or a write of our own whose answer was lost
        return Status.ALREADY
    failpoint("adopt.file-sealed")
    if _digest_of_sealed(rule, key, wish) != digest.hexdigest():
        with suppress(StorageError):
            provider.delete(key)
        raise IntegrityMismatch("What was read back is not what was sealed", provider=provider.name, key=key)
    return Status.ADOPTED


def _compare(field: FieldOfApp, rule: Policy, key: str, each: FieldRow, wish: Wish) -> None:
    """Raises SourceRefused where what is sealed under the row's name is not its file."""
    digest = hashlib.sha256()
    with field.original_of(each.row, each.source) as original:
        for piece in original.pieces:
            wish.keep_on()
            digest.update(piece)
    if _digest_of_sealed(rule, key, wish) != digest.hexdigest():
        raise SourceRefused(
            "name-taken", "Another content is sealed under this name. Both were left; look which one is right."
        )


def _digest_of_sealed(rule: Policy, key: str, wish: Wish) -> str:
    """SHA-256 in hex of what opens, "" where it does not. Raises KeyRingError, StorageError."""
    digest, buffer = hashlib.sha256(), bytearray(_READ)
    try:
        with patiently(SealedFile, store_itself(rule.store), key) as file:
            while count := file.readinto(buffer):
                wish.keep_on()
                digest.update(memoryview(buffer)[:count])
    except DocumentUnreadable:
        return ""
    return digest.hexdigest()
