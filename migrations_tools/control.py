"""What an operator does to a run: start, pause, resume, interrupt, cancel, try again. Each is audited.

Every change is a conditional UPDATE by the table of transitions, so that of two operators one makes it.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Now

from documents.redaction import redacted
from documents.services import audit
from documents.services.actors import SYSTEM, Actor
from documents.wiring import vault_config
from migrations_tools.errors import MigrationRefused, RowsHeld
from migrations_tools.leases import is_held
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import NO_DIGEST
from migrations_tools.replacing import replace_keys
from migrations_tools.states import MOVING, UNFINISHED, ItemState, RunKind, RunState


def create(run: MigrationRun, actor: Actor) -> MigrationRun:
    """Store a new run, QUEUED. Raises MigrationRefused where it cannot be: its destination is not configured.

    Somebody then has to work on it (``tasks.wake``, or ``runner.work_on`` in this process).
    """
    if vault_config().store(run.destination) is None:
        known = ", ".join(vault_config().store_names())
        raise MigrationRefused(f"No store {run.destination!r} is configured; there is {known}.")
    with transaction.atomic(durable=True):
        run.created_by = actor.user
        run.save(force_insert=True)
        _audit(run, "created", actor)
    return run


def begin(run: MigrationRun) -> bool:
    """Have a QUEUED run RUNNING. Returns whether it is to be worked on."""
    if run.state == RunState.QUEUED:
        with transaction.atomic(durable=True):
            if run.move_to(RunState.RUNNING, note=""):
                MigrationRun.objects.filter(pk=run.pk, started_at=None).update(started_at=Now())
                _audit(run, "begun", SYSTEM)
        run.refresh_from_db()
    return run.state == RunState.RUNNING


def settle(run: MigrationRun) -> bool:
    """Bring a run to where its state leads, once nobody is at work on it. Returns whether it is to be worked on."""
    run.refresh_from_db()
    if run.state == RunState.PAUSING and not is_held(run):
        _change(run, RunState.PAUSED, "paused", SYSTEM)
    elif run.state == RunState.CANCELLING and not is_held(run):
        _let_go(run)
    elif run.state == RunState.RUNNING and run.planned_at and not _pending(run).exists():
        failed = run.items.filter(state=ItemState.FAILED).exists()
        over = RunState.FAILED if failed else RunState.SUCCEEDED
        _change(run, over, over.value, SYSTEM, finished_at=Now())
    return run.state in (RunState.QUEUED, RunState.RUNNING)


def pause(run: MigrationRun, actor: Actor) -> None:
    """Let no new item begin. Those in work end at their next piece, and the run is PAUSED then."""
    _demand(run, RunState.PAUSING, "pausing", actor)
    settle(run)


def resume(run: MigrationRun, actor: Actor) -> None:
    """Queue a run again that stands still. It goes on where it was."""
    run.refresh_from_db()
    if run.state == RunState.FAILED:
        raise MigrationRefused(f"Run {run.pk} is over. Try its failed items again: --retry-failed {run.pk}.")
    with transaction.atomic(durable=True):
        _demand(run, RunState.QUEUED, "resumed", actor, note="")
        # What stopped the run is over, as far as its operator knows: nothing has to wait for it any more.
        _pending(run).filter(refusals__gt=0, lease=None).update(refusals=0, lease_until=None)


def retry_failed(run: MigrationRun, actor: Actor) -> int:
    """Queue a FAILED run again, with its failed items as if they were new. Returns how many those are.

    What was let go when the run failed as a whole is among them; what cannot be moved as it is stays as it is. Raises
    MigrationRefused where the run did not fail, RowsHeld where another run has one of the rows by now.
    """
    try:
        return _tried_again(run, actor)
    except IntegrityError:
        return _tried_again(run, actor)  # another run took one of the rows at this moment: it has a number now


def _tried_again(run: MigrationRun, actor: Actor) -> int:
    with transaction.atomic(durable=True):
        # Others that stand still are queued again too, but by ``resume``, and their items are not made new.
        if not MigrationRun.objects.select_for_update(of=("self",)).filter(pk=run.pk, state=RunState.FAILED).exists():
            run.refresh_from_db()
            raise MigrationRefused(f"Run {run.pk} is {run.state}: it cannot be retried now.")
        refused = Q(code=NO_DIGEST) | ~Q(source_type__in=vault_config().store_names())
        failed = run.items.filter(state__in=[ItemState.FAILED, ItemState.PENDING]).exclude(refused)
        others = MigrationItem.objects.filter(holds_row=True).exclude(run=run)
        if run.kind != RunKind.VERIFY:
            holder = others.filter(object_id__in=failed.values("object_id")).first()
            if holder is not None:
                raise RowsHeld(holder.run_id)
        count = failed.count()
        _demand(run, RunState.QUEUED, "retried", actor, note="", finished_at=None)
        if run.kind == RunKind.COPY:
            replace_keys(run, failed)
        failed.update(
            state=ItemState.PENDING,
            refusals=0,
            code="",
            detail="",
            finished_at=None,
            lease=None,
            lease_until=None,
        )
        if run.kind != RunKind.VERIFY:
            # Of an object that a purge deletes in two stores one item holds the row.
            first = failed.order_by().values("object_id").annotate(first=Min("pk")).values("first")
            run.items.filter(pk__in=first).update(holds_row=True)
    return count


def cancel(run: MigrationRun, actor: Actor) -> None:
    """Give a run up. What was switched stays switched; what is pending is let go."""
    _demand(run, RunState.CANCELLING, "cancelling", actor)
    settle(run)


def interrupt(run: MigrationRun, actor: Actor = SYSTEM, *, note: str = "") -> bool:
    """Have the run stand still, to be resumed later. Returns False where it is over, or stands still already."""
    return _change(run, RunState.INTERRUPTED, "interrupted", actor, note=redacted(note)[:500])


def fail(run: MigrationRun, note: str) -> None:
    """End a run that cannot be worked on at all; the rows that it held are let go."""
    with transaction.atomic(durable=True):
        if _moved(run, RunState.FAILED, "failed", SYSTEM, note=redacted(note)[:500], finished_at=Now()):
            # Nor has anybody a lease: a worker that is late switches no row after the report was kept.
            _pending(run).update(holds_row=False, lease=None, lease_until=None)


def oldest_run_at_work() -> datetime | None:
    """Return when the oldest run began that may be writing objects now; None where there is none."""
    runs = MigrationRun.objects.filter(state__in=MOVING, kind=RunKind.COPY)
    oldest: datetime | None = runs.aggregate(oldest=Min("started_at"))["oldest"]
    return oldest


def latest_unfinished() -> MigrationRun | None:
    """Return the newest run that is not over."""
    return MigrationRun.objects.filter(state__in=UNFINISHED).order_by("-id").first()


def _let_go(run: MigrationRun) -> None:
    with transaction.atomic(durable=True):
        if _moved(run, RunState.CANCELLED, "cancelled", SYSTEM, finished_at=Now()):
            _pending(run).update(
                state=ItemState.SKIPPED,
                code="cancelled",
                holds_row=False,
                lease=None,
                lease_until=None,
                finished_at=Now(),
            )


def _pending(run: MigrationRun) -> QuerySet[MigrationItem]:
    return run.items.filter(state=ItemState.PENDING)


def _demand(run: MigrationRun, state: RunState, action: str, actor: Actor, **changes: object) -> None:
    if not _change(run, state, action, actor, **changes):
        wished = {"pausing": "paused", "cancelling": "cancelled"}.get(action, action)
        raise MigrationRefused(f"Run {run.pk} is {run.state}: it cannot be {wished} now.")


def _change(run: MigrationRun, state: RunState, action: str, actor: Actor, **changes: object) -> bool:
    with transaction.atomic():
        return _moved(run, state, action, actor, **changes)


def _moved(run: MigrationRun, state: RunState, action: str, actor: Actor, **changes: object) -> bool:
    moved = run.move_to(state, **changes)
    if moved:
        _audit(run, action, actor)
    return moved


def _audit(run: MigrationRun, action: str, actor: Actor) -> None:
    audit.record(f"migration.{action}", actor, run=run.pk, kind=run.kind, destination=run.destination)
