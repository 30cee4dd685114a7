"""What is done to a run: begun, paused, resumed, interrupted, cancelled, ended. Each is audited.

Every change is a conditional UPDATE by the table of transitions, so that of two operators one makes it.
"""

from collections.abc import Mapping, Sequence

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from documents.models import UpkeepRun
from documents.models.upkeep import UNFINISHED, UpkeepState
from documents.redaction import redacted
from documents.services import audit
from documents.services.actors import SYSTEM, Actor
from documents.services.kek_life import note_as_designated
from documents.upkeep.errors import RunRefused
from documents.upkeep.shares import add_round

State = UpkeepState

# What the audit log calls the runs of each kind.
_AUDITED = {
    UpkeepRun.Kind.REWRAP: "rotation",
    UpkeepRun.Kind.RESEAL: "resealing",
    UpkeepRun.Kind.VERIFY: "verification",
}


def begin_run(
    kind: UpkeepRun.Kind,
    scopes: Sequence[tuple[str, int]],
    actor: Actor,
    *,
    workers: int,
    options: Mapping[str, object],
    state: UpkeepState = UpkeepState.RUNNING,
) -> UpkeepRun:
    """Store a run and its first round. Somebody then has to work on it.

    Raises RunRefused where one of its kind is not over: the message names it.
    """
    run = UpkeepRun(kind=kind, options=dict(options), workers=workers, created_by=actor.user, state=state)
    try:
        with transaction.atomic(durable=True):
            run.save(force_insert=True)
            add_round(run, scopes)
            _audit(run, "begun", actor)
    except IntegrityError as error:
        other = unfinished(kind)
        if other is None:
            raise
        raise RunRefused(
            f"Run {other.pk} is {other.state}: there is one {_AUDITED[kind]} at a time. Go on with it by "
            f"--resume {other.pk}, or give it up by --cancel {other.pk}."
        ) from error
    return run


def unfinished(kind: UpkeepRun.Kind) -> UpkeepRun | None:
    """Return the run of this kind that is not over, if there is one."""
    return UpkeepRun.objects.filter(kind=kind, state__in=UNFINISHED).first()


def pause(run: UpkeepRun, actor: Actor) -> None:
    """Let no new batch begin. Raises RunRefused where the run does not run."""
    _demand(run, State.PAUSED, actor)


def resume(run: UpkeepRun, actor: Actor) -> None:
    """Have a run that stands still go on where it was. Raises RunRefused where it is over."""
    run.refresh_from_db()
    if run.state != State.RUNNING:
        _demand(run, State.RUNNING, actor, note="")


def cancel(run: UpkeepRun, actor: Actor) -> None:
    """Give a run up. What was done stays done. Raises RunRefused where it is over.

    Where its KEKs seal already, and nobody lived to say so in the records, that is said first.
    """
    if run.kind == UpkeepRun.Kind.REWRAP:
        note_as_designated(run, actor)
    _demand(run, State.CANCELLED, actor, finished_at=Now())


def interrupt(run: UpkeepRun, actor: Actor = SYSTEM, *, note: str) -> bool:
    """Have the run stand still, to be resumed later. Returns False where it does already, or is over."""
    return _change(run, State.INTERRUPTED, actor, note=redacted(note)[:500])


def end(run: UpkeepRun) -> None:
    """Everything was looked at. A run that has findings has failed: somebody has to look at them."""
    over = State.FAILED if run.findings.exists() else State.SUCCEEDED
    _change(run, over, SYSTEM, finished_at=Now(), note="")


def _demand(run: UpkeepRun, state: UpkeepState, actor: Actor, **changes: object) -> None:
    if not _change(run, state, actor, **changes):
        raise RunRefused(f"Run {run.pk} is {run.state}: it cannot be {state} now.")


def _change(run: UpkeepRun, state: UpkeepState, actor: Actor, **changes: object) -> bool:
    with transaction.atomic():
        moved = run.move_to(state, **changes)
        if moved:
            _audit(run, "resumed" if state == State.RUNNING else state.value, actor)
    return moved


def _audit(run: UpkeepRun, action: str, actor: Actor) -> None:
    audit.record(f"{_AUDITED[UpkeepRun.Kind(run.kind)]}.{action}", actor, run=run.pk)
