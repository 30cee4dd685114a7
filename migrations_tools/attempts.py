"""One attempt at a step, in a thread of the pool: did one object fail, or would every other fail as well?"""

from datetime import timedelta

from documents.errors import BucketNotFound, StorageAccessDenied, StorageError, StorageFull
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.places import Places
from migrations_tools.states import RunKind
from migrations_tools.steps import Step

# An object for which a store has no answer so often has failed; with the pauses between, that is some ten minutes.
MOST_ATTEMPTS = 12
LONGEST_PAUSE = timedelta(minutes=2)
# The code of what failed by a fault of this program. It is tried once more: it may not happen to every answer.
SURPRISE = "internal-error"
MOST_SURPRISES = 2


class Halt(Exception):
    """Going on would only fail for every other item too: the message says why."""


def attempt(step: Step, run: MigrationRun, places: Places) -> None:
    """Do the step. Raises Halt where a store takes or gives nothing at all, and otherwise what the step raised.

    Before an item is said to have failed because a store refused it, or did not answer, that store is tried with an
    object of the worker's own: credentials that have expired, and a store that is away, are no fault of the item's.
    """
    try:
        step.call()
    except (StorageFull, BucketNotFound) as error:
        raise Halt(str(error)) from error
    except StorageError as error:
        is_refused = isinstance(error, StorageAccessDenied)
        if (is_refused or (error.retryable and not has_attempts_left(step.item))) and is_shut_out(
            step.item, run, places
        ):
            raise Halt(str(error)) from error
        raise


def has_attempts_left(item: MigrationItem, most: int | None = None) -> bool:
    """Whether the item may be refused once more. That its worker died counts for nothing."""
    return item.refusals + 1 < (most or MOST_ATTEMPTS)


def pause_after(refusals: int) -> timedelta:
    """Return how long to wait after so many refusals: twice as long each time, from a second on."""
    return min(LONGEST_PAUSE, timedelta(seconds=2 ** min(refusals - 1, 20)))


def is_shut_out(item: MigrationItem, run: MigrationRun, places: Places) -> bool:
    """Whether a store of the item's refuses every object what this kind of run asks of it, or does not answer."""
    reads = [run.destination] if run.kind == RunKind.VERIFY else [item.source_type, run.destination]
    if run.kind == RunKind.COPY and not places.takes_anything(run.destination):
        return True
    if run.kind == RunKind.PURGE and not places.deletes_anything(item.source_type):
        return True
    return not all(places.answers(store) for store in reads)
