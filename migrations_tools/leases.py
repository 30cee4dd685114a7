"""Which worker does which items: leases by the database's clock, and a token as their fence.

Taking is one conditional UPDATE, so that of two workers one gets an item. Every later write of an item says that the
token is still its own; who lost a lease writes nothing.
"""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Greatest, Now

from documents.models.clock import database_now
from documents.redaction import redacted
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.states import ItemState


def take_items(run: MigrationRun, count: int, *, lease: timedelta) -> tuple[UUID, list[MigrationItem]]:
    """Return a new token, and up to ``count`` items that are leased to it now, in the order of the plan."""
    token = uuid4()
    # None of them has a finished_at, so that this is the order of ids, and that of the index ``item_in_order``. For ids
    # alone PostgreSQL may take the primary key, and pass by everything that is done already.
    free = _free(run).order_by("finished_at", "id")
    with transaction.atomic(durable=True):
        if connection.features.has_select_for_update_skip_locked:
            free = free.select_for_update(skip_locked=True)
        chosen = list(free.values_list("pk", flat=True)[:count])
        _free(run).filter(pk__in=chosen).update(
            lease=token, lease_until=database_now() + lease, attempts=F("attempts") + 1
        )
    return token, list(leased_to(token).order_by("id"))


def leased_to(token: UUID) -> QuerySet[MigrationItem]:
    """Return the items that are still this token's."""
    return MigrationItem.objects.filter(lease=token, state=ItemState.PENDING)


def renew(token: UUID, *, lease: timedelta) -> int:
    """Have the token's items for another ``lease`` from now. Returns how many still are."""
    return leased_to(token).update(lease_until=database_now() + lease)


def give_back(token: UUID, items: Collection[int], *, begun: bool = False) -> None:
    """Let others have these items: this was no attempt.

    Of one that was ``begun`` there may be a copy. It keeps an attempt, so that the copy is known and purged some day.
    """
    leased_to(token).filter(pk__in=items).update(
        lease=None, lease_until=None, attempts=Greatest(F("attempts") - 1, Value(int(begun)))
    )


def put_off(
    token: UUID, item: int, *, code: str, detail: str = "", pause: timedelta = timedelta(), refused: bool = False
) -> None:
    """Let the item be tried again, by anybody, after ``pause``. ``refused`` counts towards the most it may be."""
    leased_to(token).filter(pk=item).update(
        lease=None,
        lease_until=database_now() + pause,
        code=code,
        detail=redacted(detail)[:500],
        refusals=F("refusals") + int(refused),
    )


def is_held(run: MigrationRun) -> bool:
    """Whether anybody may still be at work on an item of the run."""
    return run.items.filter(state=ItemState.PENDING, lease__isnull=False, lease_until__gt=Now()).exists()


def _free(run: MigrationRun) -> QuerySet[MigrationItem]:
    return run.items.filter(Q(lease_until=None) | Q(lease_until__lte=Now()), state=ItemState.PENDING)
