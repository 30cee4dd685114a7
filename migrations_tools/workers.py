"""The places of a run's workers: never more are at work than the run may have, however many messages were sent.

A message names a place and its ticket. While its worker gives signs of life the ticket stands; when it fell silent a
new one is issued, and the earlier message, should it arrive after all, has none any more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Max, QuerySet

from documents.models.clock import database_now
from migrations_tools.models import MigrationRun, MigrationWorker

# A place without a sign of life is another's. A worker gives one twice a second, but its message may wait for a while.
SILENT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's place in a run. ``ticket`` is a UUID as text."""

    run_id: int
    number: int
    ticket: str

    def keep(self) -> bool:
        """Give a sign of life. Returns False where the place is another's by now."""
        return self._note()

    def hand_on(self) -> "Place | None":
        """Return the place with a new ticket, for the message that follows; None where it is another's by now.

        So a message that is delivered twice is followed by one, and one that is delivered late by none.
        """
        ticket = str(uuid4())
        return Place(self.run_id, self.number, ticket) if self._note(ticket=ticket) else None

    def leave(self) -> None:
        """Have the place free at once."""
        self._mine().delete()

    def _mine(self) -> QuerySet[MigrationWorker]:
        return MigrationWorker.objects.filter(run=self.run_id, number=self.number, ticket=self.ticket)

    def _note(self, **changes: object) -> bool:
        return bool(self._mine().update(seen_at=database_now(), **changes))


@dataclass(frozen=True, slots=True)
class AllPlaces:
    """Every place of a run, in the hands of a process that works on it alone. ``ticket`` is that of each."""

    run_id: int
    count: int
    ticket: UUID

    def keep(self) -> bool:
        """Give a sign of life. Returns False where a place is another's by now."""
        return self._mine().update(seen_at=database_now()) == self.count

    def leave(self) -> None:
        """Have the places free at once."""
        self._mine().delete()

    def _mine(self) -> QuerySet[MigrationWorker]:
        return MigrationWorker.objects.filter(run=self.run_id, ticket=self.ticket)


def take_all(run: MigrationRun) -> AllPlaces:
    """Take every place, whoever is at work in it: they find out in half a second, and give back what they have."""
    places = AllPlaces(run.pk, run.workers, uuid4())
    with transaction.atomic(durable=True):
        MigrationRun.objects.select_for_update(of=("self",)).get(pk=run.pk)  # of two who take all one has all
        MigrationWorker.objects.filter(run=run).delete()
        MigrationWorker.objects.bulk_create(
            MigrationWorker(run=run, number=number, ticket=places.ticket, seen_at=database_now())
            for number in range(places.count)
        )
    return places


def last_sign_of_life(run: MigrationRun) -> datetime | None:
    """Return when a worker of the run was last seen, by the database's clock; None where all have left their places."""
    latest: datetime | None = run.places.aggregate(latest=Max("seen_at"))["latest"]
    return latest


def free_places(run: MigrationRun) -> Iterator[Place]:
    """Take, one after the other, the places whose workers are silent, and yield each with its new ticket."""
    for number in range(run.workers):
        ticket, now = uuid4(), database_now()
        place, is_new = MigrationWorker.objects.get_or_create(
            run=run, number=number, defaults={"ticket": ticket, "seen_at": now}
        )
        silent = MigrationWorker.objects.filter(pk=place.pk, ticket=place.ticket, seen_at__lte=now - SILENT)
        if is_new or silent.update(ticket=ticket, seen_at=now):
            yield Place(run.pk, number, str(ticket))
