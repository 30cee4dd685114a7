"""Removing a run that is over, with its items and its report: once nothing depends on what they say any more."""

from datetime import UTC, timedelta

from django.db import transaction

from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import Actor
from documents.wiring import vault_config
from migrations_tools.errors import MigrationRefused
from migrations_tools.leases import is_held
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import kept_sources
from migrations_tools.states import OVER, RunKind


def reason_to_stay(run: MigrationRun) -> str:
    """Return why the run cannot be removed yet, for people; "" where it can.

    Its items say which objects are kept, and under which keys a late worker may still write or delete: they stay for
    the time of grace, and until what they keep is purged.
    """
    if run.state not in OVER:
        return f"Run {run.pk} is {run.state}. A run can be removed once it is over."
    if is_held(run):
        return f"A worker may still be at an item of run {run.pk}. Try again in a few minutes."
    rests_until = (run.finished_at or run.created_at) + vault_config().migration.grace
    if rests_until > database_now():
        until = rests_until.astimezone(UTC)
        return (
            f"A worker that fell silent could still come back to run {run.pk}. It can be removed from "
            f"{until:%Y-%m-%d %H:%M} UTC on."
        )
    if run.kind == RunKind.COPY and (left := kept_sources(run, grace=timedelta()).filter(run=run).count()):
        objects = "object is" if left == 1 else "objects are"
        return (
            f"{left:,} {objects} kept because of run {run.pk}. Purge them first: a purge with the destination "
            f"{run.destination}, here or with --purge-source."
        )
    return ""


def remove_run(run: MigrationRun, actor: Actor) -> None:
    """Delete the run, its items and its report. Raises MigrationRefused with the reason where it has to stay.

    As many statements as there are tables, whatever the number of items. The audit log keeps that it was.
    """
    with transaction.atomic(durable=True):
        here = MigrationRun.objects.select_for_update(of=("self",)).filter(pk=run.pk).first()
        if here is None:
            return
        if reason := reason_to_stay(here):
            raise MigrationRefused(reason, run_id=run.pk)
        audit.record(
            "migration.removed",
            actor,
            run=here.pk,
            kind=here.kind,
            destination=here.destination,
            state=here.state,
            items=here.items.count(),
        )
        MigrationItem.objects.filter(kept_item__run=here).update(kept_item=None)
        here.items.all().delete()
        here.delete()
