"""The work of a run that copies: each row is switched once its object was read back from the destination."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from documents.failpoints import failpoint
from migrations_tools.leases import put_off
from migrations_tools.models import MigrationItem, MigrationRun, Row
from migrations_tools.pace import Pace
from migrations_tools.places import Places
from migrations_tools.rows import find_rows, note_removal, switch_row, switch_rows
from migrations_tools.states import ItemState, RunKind
from migrations_tools.states import SourceState as State
from migrations_tools.steps import TOGETHER, Step, end, end_all
from migrations_tools.transfer import Order, copy_object

GONE, ELSEWHERE, THERE, CHANGED = "deleted", "moved-elsewhere", "already-there", "changed-meanwhile"
PURGED = "purged-meanwhile"


class CopyWork:
    """Raises ConfigurationError where the destination is not configured here."""

    def __init__(self, run: MigrationRun, places: Places, pace: Pace) -> None:
        self._run, self._places, self._pace = run, places, pace
        self._destination = places.provider(run.destination)

    def begin(self, token: UUID, items: Sequence[MigrationItem]) -> Iterator[Step]:
        rows = find_rows([item.object_id for item in items])
        for item in items:
            row = rows.get(item.object_id)
            if row is None:
                self._end_gone(token, item)
            elif (row.storage_type, row.storage_path) == (self._run.destination, item.destination_path):
                end(token, item, ItemState.SKIPPED, code=THERE)
            elif (row.storage_type, row.storage_path) != (item.source_type, item.source_path):
                end(token, item, ItemState.SKIPPED, code=ELSEWHERE)
            else:
                yield Step(item, self._copy(item, row), row=row)

    def _end_gone(self, token: UUID, item: MigrationItem) -> None:
        """Its document was deleted. An earlier attempt, of a worker that died, may have left a copy."""
        with transaction.atomic(durable=True):
            if end(token, item, ItemState.SKIPPED, code=GONE) and item.attempts > 1:
                note_removal(item.object_id, storage_type=self._run.destination, storage_path=item.destination_path)

    def _copy(self, item: MigrationItem, row: Row) -> Callable[[], None]:
        order = Order(
            object_id=item.object_id,
            source_path=item.source_path,
            destination_path=item.destination_path,
            size=row.sealed_size,
            digest=row.digest,
            key_block=bytes(row.key_block),
        )

        def call() -> None:
            # One that is tried again may have been rewrapped a moment ago.
            with_sidecars = item.attempts > 1 or self._places.has_sidecars(item.source_type)
            source = self._places.provider(item.source_type)
            copy_object(source, self._destination, replace(order, with_sidecars=with_sidecars), self._pace)

        return call

    def settle(self, token: UUID, steps: Sequence[Step]) -> list[Step]:
        """Each row and its item change together, or neither does: all at once, where nothing came between."""
        for start in range(0, len(steps), TOGETHER):
            some = steps[start : start + TOGETHER]
            if not self._switch_all(token, some):
                for step in some:
                    self._switch(token, step)
        return []

    def _switch_all(self, token: UUID, steps: Sequence[Step]) -> bool:
        """Switch all the rows, and return True; or none, because one of them changed or a lease was lost."""
        items = [step.item for step in steps]
        if any(item.destination_path != item.source_path for item in items):
            return False
        with transaction.atomic():
            rows = [cast("Row", step.row) for step in steps]  # as begin gave it
            if (
                switch_rows(rows, storage_type=self._run.destination)
                and not self._being_purged(items)
                and self._end_switched(token, items)
            ):
                return True
            transaction.set_rollback(True)
        return False

    def _switch(self, token: UUID, step: Step) -> None:
        item, row = step.item, cast("Row", step.row)
        place = {"storage_type": self._run.destination, "storage_path": item.destination_path}
        is_purged = False
        with transaction.atomic():
            if switch_row(row, **place):
                is_purged = self._being_purged([item])
                if is_purged or not self._end_switched(token, [item]):
                    transaction.set_rollback(True)
            elif item.object_id in (now := find_rows([item.object_id])):
                same = (now[item.object_id].storage_type, now[item.object_id].storage_path)
                if same == (item.source_type, item.source_path):
                    put_off(token, item.pk, code=CHANGED)
                else:
                    end(token, item, ItemState.SKIPPED, code=ELSEWHERE)
            elif end(token, item, ItemState.SKIPPED, code=GONE):
                note_removal(item.object_id, **place)
        if is_purged:
            end(token, item, ItemState.FAILED, code=PURGED, detail="What was kept there is being purged, or was.")

    def _being_purged(self, items: Sequence[MigrationItem]) -> bool:
        """Whether somebody deletes, or may still delete, what was verified there. The rows are locked by the switch."""
        return at_destination(self._run, items).filter(source_state__in=[State.PURGING, State.PURGED]).exists()

    def _end_switched(self, token: UUID, items: Sequence[MigrationItem]) -> bool:
        """Whether all these items were still this token's, and are done now."""
        if end_all(token, items, ItemState.DONE, source_state=State.KEPT) != len(items):
            return False
        _reclaim(items, self._run)
        failpoint("migrate.in-transaction")
        return True


def _reclaim(items: Sequence[MigrationItem], run: MigrationRun) -> None:
    """The kept sources of earlier runs are in use again: nobody may purge them any more."""
    at_destination(run, items).filter(source_state=State.KEPT).update(source_state=State.RECLAIMED)


def at_destination(run: MigrationRun, items: Sequence[MigrationItem]) -> QuerySet[MigrationItem]:
    """Return the items of earlier runs whose source is where these go."""
    return MigrationItem.objects.filter(
        object_id__in=[item.object_id for item in items],
        source_type=run.destination,
        source_path__in=[item.destination_path for item in items],
        run__kind=RunKind.COPY,
    )
