"""Removing payloads: rows first, in one transaction with a note of what to remove; objects after."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from documents.failpoints import failpoint
from documents.models import ObjectRemoval, Payload
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import SYSTEM, Actor
from documents.services.deletion import note_removals, remove_object
from documents.services.epochs import in_current_stores
from documents.services.payload_holders import held
from documents.wiring import vault_config

SWEPT_PER_PASS = 500


def sweep_payloads() -> int:
    """Remove payloads that nothing holds, at the second look. Returns how many rows ended.

    The first look, once ``due_at`` is over, notes that nobody holds it; the second, VAULT_DISCARD_GRACE later, asks
    again, with the row locked. What turns out to be held is looked at again VAULT_PAYLOAD_GRACE later. Only stores that
    this database may clear are swept: in a newer one a document may hold the payload.
    Safe to run at any time, twice and in parallel.
    """
    due = in_current_stores(Payload.objects.filter(document=None, due_at__lte=Now())).order_by("due_at")
    ids = set(due.values_list("pk", flat=True)[:SWEPT_PER_PASS])
    if not ids:
        return 0
    rows = Payload.objects.filter(pk__in=ids, document=None)
    _put_off(rows.filter(pk__in=held(ids)))
    seen_before = set(rows.exclude(unheld_since=None).filter(due_at__lte=Now()).values_list("pk", flat=True))
    now = database_now()
    rows.filter(unheld_since=None, due_at__lte=Now()).update(
        unheld_since=now, due_at=now + vault_config().discard_grace
    )
    return len(_remove_unheld(seen_before))


def _put_off(rows: QuerySet[Payload]) -> None:
    rows.update(unheld_since=None, due_at=database_now() + vault_config().payloads.grace)


def _remove_unheld(ids: Collection[UUID]) -> list[ObjectRemoval]:
    """Remove those that are still unheld and due: who took hold of one since the first look keeps it."""
    if not ids:
        return []
    with transaction.atomic(durable=True):
        due = Payload.objects.filter(document=None, due_at__lte=Now()).exclude(unheld_since=None)
        locked = list(due.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",)))
        kept = held({row.pk for row in locked}) if locked else set()
        _put_off(Payload.objects.filter(pk__in=kept))
        removals = delete_rows([row for row in locked if row.pk not in kept], SYSTEM, reason="unheld")
    remove_objects(removals)
    return removals


def remove_payloads(ids: Iterable[UUID], actor: Actor, *, reason: str) -> int:
    """Remove payloads that no document holds, now. Returns how many rows ended. Safe to repeat, and in parallel.

    Raises RuntimeError inside a transaction of the caller's, as deleting a document does.
    """
    with transaction.atomic(durable=True):
        unheld = Payload.objects.filter(pk__in=list(ids), document=None).order_by("pk")
        removals = delete_rows(list(unheld.select_for_update(of=("self",))), actor, reason=reason)
    remove_objects(removals)
    return len(removals)


def delete_rows(rows: list[Payload], actor: Actor, *, reason: str) -> list[ObjectRemoval]:
    """Delete locked rows, note their objects and audit each: in the caller's transaction. Then ``remove_objects``."""
    removals = note_removals(rows)
    for row in rows:
        audit.record("payload.removed", actor, attachment_id=row.pk, reason=reason)
    Payload.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return removals


def remove_objects(removals: Iterable[ObjectRemoval]) -> None:
    """Delete the objects after the commit; what a store does not take now is left to ``sweep_removals``."""
    failpoint("payload.rows-removed")
    for removal in removals:
        if not remove_object(removal):
            return  # a store that is down is not asked for every one; each attempt waits for its time-outs
