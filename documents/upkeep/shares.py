"""The shares of a run: who has one, until when, and how far it is. Leases go by the database's clock.

Taking is one conditional UPDATE, so that of two workers one gets a share. Every later write says that the token is
still its own: who lost the lease writes nothing, and notices.
"""

import math
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from documents.models import UpkeepFinding, UpkeepRun, UpkeepShare
from documents.models.clock import database_now
from documents.services.patience import RENEWED

# How long a worker has its share without a sign of life: a batch takes seconds, a large object is read in pieces.
LEASE = timedelta(minutes=2)
# Ids are random, so that their first digit parts them evenly. A part of fewer objects is short work for one worker, and
# costs a few statements.
OBJECTS_OF_A_PART = 500
_DIGITS = "0123456789abcdef"
_REST = "0000000-0000-0000-0000-000000000000"


class LeaseLost(Exception):
    """Another worker has the share by now: nothing more of it may be written here."""


class Lease:
    """A share in the hands of one worker. ``share`` is as it was last written.

    Before ``stays_until``, a moment of ``time.monotonic``, the worker does not leave it for others' sake.
    """

    def __init__(self, share: UpkeepShare) -> None:
        self.share, self.stays_until = share, -math.inf
        self._written = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for a sign of life. That is a look at the clock, for every object."""
        return time.monotonic() - self._written >= RENEWED

    def renew(self) -> None:
        """Have the share for longer, where that is due. Raises LeaseLost."""
        if self.is_due:
            self.write()

    def write(self, **changes: object) -> None:
        """Change the share and have it for longer. Raises LeaseLost; inside a transaction that undoes all of it."""
        if not self._mine().update(lease_until=database_now() + LEASE, **changes):
            raise LeaseLost
        self._written = time.monotonic()
        for name, value in changes.items():
            setattr(self.share, name, value)

    def note(self, findings: Iterable[UpkeepFinding], **changes: object) -> None:
        """Write what was found and how far the share is, together. What was found before is there once."""
        with transaction.atomic():
            self.write(**changes)
            UpkeepFinding.objects.bulk_create(findings, ignore_conflicts=True)

    def finish(self) -> None:
        """There is nothing left in the share. Raises LeaseLost."""
        self.write(done_at=database_now())

    def release(self) -> None:
        """Let another worker have it at once."""
        self._mine().update(lease=None, lease_until=None)

    def _mine(self) -> QuerySet[UpkeepShare]:
        return UpkeepShare.objects.filter(pk=self.share.pk, lease=self.share.lease)


def take_share(run: UpkeepRun) -> Lease | None:
    """Return a share of the run's round that nobody has, None where there is none or enough workers are at it."""
    if at_work(run) >= run.workers:
        return None
    while share := free_shares(run).first():
        token = uuid4()
        # Another worker may have taken it in between.
        if free_shares(run).filter(pk=share.pk).update(lease=token, lease_until=database_now() + LEASE):
            share.refresh_from_db()
            return Lease(share) if share.lease == token else None
    return None


def free_shares(run: UpkeepRun) -> QuerySet[UpkeepShare]:
    """Return the shares of the round that are not done and in nobody's hands."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return open_shares(run).filter(free).order_by("pk")


def open_shares(run: UpkeepRun) -> QuerySet[UpkeepShare]:
    """Return the shares of the round that are not done."""
    return UpkeepShare.objects.filter(run=run.pk, round=run.round, done_at=None)


def at_work(run: UpkeepRun) -> int:
    """Return how many workers have a share now."""
    return open_shares(run).filter(lease_until__gte=Now()).count()


def add_round(run: UpkeepRun, scopes: Sequence[tuple[str, int]]) -> None:
    """Make the shares of the run's next round, and count it. Call it in a transaction.

    ``scopes`` are names and how many objects each has; one that goes by ids and has many is parted, in 16 at most.
    """
    run.round += 1
    for scope, count in scopes:
        parts = 1 if ":" in scope else _parts_of(count)
        bounds = ["", *(first + _REST for first in _DIGITS[:: len(_DIGITS) // parts][1:]), ""]
        UpkeepShare.objects.bulk_create(
            UpkeepShare(run=run, round=run.round, scope=scope, lower=lower, upper=upper)
            for lower, upper in pairwise(bounds)
        )
    run.total += sum(count for _scope, count in scopes)
    run.save(update_fields=["round", "total"])


def _parts_of(count: int) -> int:
    """A power of two, which parts sixteen digits evenly."""
    return max(parts for parts in (1, 2, 4, 8, 16) if parts == 1 or parts * OBJECTS_OF_A_PART <= count)
