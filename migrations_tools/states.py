"""What a run and its items can be, and which may follow which. Every change is a conditional UPDATE by this table."""

from collections.abc import Mapping

from django.db.models import TextChoices


class RunKind(TextChoices):
    """What is done to each item."""

    COPY = "copy", "copy"  # to the destination, verified there; the source is kept
    VERIFY = "verify", "verify"  # what is at the destination is read and compared; nothing changes
    PURGE = "purge", "purge"  # the kept source is deleted, once the destination was verified a second time


class RunState(TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    PAUSING = "pausing", "pausing"
    PAUSED = "paused", "paused"
    INTERRUPTED = "interrupted", "interrupted"
    CANCELLING = "cancelling", "cancelling"
    CANCELLED = "cancelled", "cancelled"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"


class ItemState(TextChoices):
    PENDING = "pending", "pending"  # to be done; a lease says by whom, until when
    DONE = "done", "done"  # switched, or found right, or purged
    SKIPPED = "skipped", "skipped"  # nothing was to be done: ``code`` says why
    FAILED = "failed", "failed"  # ``code`` and ``detail`` say why; nothing was changed


class SourceState(TextChoices):
    """What became of the object at the source of a COPY, after the row was switched."""

    NONE = "", "as it was"
    KEPT = "kept", "kept"  # equal to the destination when the row was switched
    PURGING = "purging", "purging"  # is being deleted, or was: nobody may count on it again
    PURGED = "purged", "purged"
    RECLAIMED = "reclaimed", "in use again"  # the row was moved back to it


_Run = RunState
RUN_TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    _Run.QUEUED: frozenset(
        {
            _Run.RUNNING,  # somebody begins to work on it
            _Run.INTERRUPTED,  # the command that waited for it was stopped
            _Run.CANCELLING,  # an operator does not want it after all
            _Run.FAILED,  # its rows cannot be planned: another run has them
        }
    ),
    _Run.RUNNING: frozenset(
        {
            _Run.PAUSING,  # an operator wants it to stand still
            _Run.INTERRUPTED,  # the command was stopped, or a store takes nothing more (full, refused)
            _Run.CANCELLING,  # an operator gives it up
            _Run.SUCCEEDED,  # every item is done or skipped
            _Run.FAILED,  # every item is over, and some failed
        }
    ),
    _Run.PAUSING: frozenset(
        {
            _Run.PAUSED,  # the last lease has been given back, or is over
            _Run.QUEUED,  # an operator changed their mind
            _Run.CANCELLING,  # an operator gives it up
        }
    ),
    _Run.PAUSED: frozenset({_Run.QUEUED, _Run.CANCELLING}),  # an operator resumes it, or gives it up
    _Run.INTERRUPTED: frozenset({_Run.QUEUED, _Run.CANCELLING}),  # an operator resumes it, or gives it up
    _Run.CANCELLING: frozenset({_Run.CANCELLED}),  # the last lease has been given back, or is over
    _Run.FAILED: frozenset({_Run.QUEUED}),  # its failed items are tried again
    _Run.CANCELLED: frozenset(),  # what was moved stays moved
    _Run.SUCCEEDED: frozenset(),
}

# A run in one of these may still change rows, or has items that hold them.
UNFINISHED = frozenset({_Run.QUEUED, _Run.RUNNING, _Run.PAUSING, _Run.PAUSED, _Run.INTERRUPTED, _Run.CANCELLING})
# A run in one of these has nothing left to do, and a report is kept of it; one that FAILED may be tried again.
OVER = frozenset(RunState) - UNFINISHED
# A run in one of these is worked on, or brought to where its name says.
MOVING = frozenset({_Run.QUEUED, _Run.RUNNING, _Run.PAUSING, _Run.CANCELLING})


def sources_of(state: RunState) -> list[RunState]:
    """Return the states from which ``state`` may be entered."""
    return [earlier for earlier, later in RUN_TRANSITIONS.items() if state in later]
