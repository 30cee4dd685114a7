"""What each cause of a failed or skipped item means, and what to do about it: the one place for these words."""

from collections.abc import Mapping
from dataclasses import dataclass

from documents import errors as storage
from migrations_tools import attempts, copying, errors, plan, purging

CANCELLED = "cancelled"  # what control writes into the items of a run that is given up


@dataclass(frozen=True, slots=True)
class Meaning:
    """``sentence`` explains the cause, ``advice`` says what to do."""

    sentence: str
    advice: str


_NOTHING = "Nothing is to be done."
_RETRY = "Retry the failed items."

MEANINGS: Mapping[str, Meaning] = {
    # Skipped
    copying.THERE: Meaning("The destination has it already.", _NOTHING),
    copying.GONE: Meaning("Its document was deleted, or its upload discarded, while the run went on.", _NOTHING),
    copying.ELSEWHERE: Meaning("Another run moved it while this one went on.", "Begin a new run if it is to move."),
    copying.CHANGED: Meaning("Its keys were renewed while it was copied; it is copied again.", _NOTHING),
    CANCELLED: Meaning("The run was cancelled before its turn came.", "Begin a new run if it is to move."),
    purging.IN_USE: Meaning("Its row was moved back to this source, which is in use again.", _NOTHING),
    purging.ONE_PLACE: Meaning(
        "Source and destination are one store under two names: purging would delete the only copy.",
        "Compare the two stores' settings.",
    ),
    copying.PURGED: Meaning(
        "The earlier copy that it was to go back to is being purged, or was.", "Begin a new run: it writes another key."
    ),
    purging.PURGED_BEFORE: Meaning("An earlier run purged this source.", _NOTHING),
    # Refused while the run was planned
    plan.NOT_CONFIGURED: Meaning(
        "Its row names a store that is not configured.", "Configure that store again, and retry the failed items."
    ),
    plan.NO_DIGEST: Meaning(
        "Its row has no digest, so that no copy could be told from a damaged one.",
        "Upload the document anew; this row cannot be moved.",
    ),
    # The object itself
    errors.SourceDamaged.code: Meaning(
        "The object at the source is not what was sealed. Nothing of it was copied.",
        "Look for a good copy in your backups, put it in place, and retry.",
    ),
    errors.CopyDamaged.code: Meaning(
        "What the destination gave back is not what was sealed. No row names it because of this run.",
        "See to the store. Then retry, or look for a good copy: a source not purged yet, or a backup.",
    ),
    errors.CopyLost.code: Meaning(
        "The copy was gone each time before it could be read back.",
        "Look for a lifecycle rule, or for somebody who clears the destination, and retry.",
    ),
    errors.DestinationTaken.code: Meaning(
        "Another object has its key at the destination. Both were left as they are.",
        "Find out whose it is, move it away, and retry.",
    ),
    storage.ObjectNotFound.code: Meaning(
        "The object is not in the store that its row names.", "Look for it in your backups, put it back, and retry."
    ),
    storage.IntegrityMismatch.code: Meaning(
        "The store does not hold what was written.", "See to the store, then retry the failed items."
    ),
    storage.ObjectExists.code: Meaning("The destination has an object with this key.", _RETRY),
    storage.InvalidObjectKey.code: Meaning(
        "The store takes no object with this key.", "Move it to another kind of store."
    ),
    storage.RangeNotSatisfiable.code: Meaning(
        "The object is shorter than its row says.", "Look for a good copy in your backups, put it in place, and retry."
    ),
    storage.ObjectTooLarge.code: Meaning(
        "The object is larger than the destination takes.", "Raise its limit, or move it to another store."
    ),
    # The stores
    storage.StorageUnavailable.code: Meaning(
        "A store did not answer, or asked to be left alone, each time it was tried.",
        "Wait until it answers (check_storage tells), and retry.",
    ),
    storage.StorageAccessDenied.code: Meaning(
        "A store refused access to this object.",
        "Compare the credentials with what s3_policy prints, look at the object's own rules, and retry.",
    ),
    storage.StorageFull.code: Meaning("The destination has no room left.", "Make room, and resume or retry."),
    storage.BucketNotFound.code: Meaning("The bucket is not there.", "Check its name, and retry the failed items."),
    storage.UnsupportedOperation.code: Meaning(
        "A store lacks an operation that this needs.", "check_storage says which; choose another store."
    ),
    storage.StorageError.code: Meaning("A store reported a fault.", "Read the item's own words, and retry."),
    attempts.SURPRISE: Meaning(
        "The vault itself has a fault; the log of the worker has more.", "Report it, and retry the failed items."
    ),
    # The run as a whole
    errors.MigrationRefused.code: Meaning("The run could not go on.", "The run's note says why."),
    errors.RowsHeld.code: Meaning(
        "Another run that is not over has the same rows.", "Let that one end, or cancel it, and begin again."
    ),
}

_OTHER = Meaning("A cause that this version has no words for.", "Read the item's own words, and retry.")


def meaning_of(code: str) -> Meaning:
    """Return what a code means; a code of a newer or older version has general words."""
    return MEANINGS.get(code, _OTHER)
