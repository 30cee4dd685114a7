"""The work of a run that copies: each row is switched once its object was read back from the destination."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import transaction

from documents.failpoints import failpoint
from documents.storage.base import StorageProvider
from migrations_tools.leases import put_off
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.pace import Pace
from migrations_tools.places import Places
from migrations_tools.rows import Row, find_rows, note_removal, switch_row
from migrations_tools.states import ItemState, RunKind, SourceState
from migrations_tools.steps import Step, end
from migrations_tools.transfer import Order, copy_object

GONE, ELSEWHERE, THERE, CHANGED = "deleted", "moved-elsewhere", "already-there", "changed-meanwhile"


class CopyWork:
    """Raises ConfigurationError where the destination is not configured here."""

    def __init__(self, run: MigrationRun, places: Places, pace: Pace) -> None:
        self._run, self._places, self._pace = run, places, pace
        self._destination = places.provider(run.destination)
        self._rows: dict[int, Row] = {}

    def begin(self, token: UUID, items: Sequence[MigrationItem]) -> Iterator[Step]:
        rows = find_rows([item.object_id for item in items])
        for item in items:
            row = rows.get(item.object_id)
            if row is None:
                end(token, item, ItemState.SKIPPED, code=GONE)
            elif (row.storage_type, row.storage_path) == (self._run.destination, item.destination_path):
                end(token, item, ItemState.SKIPPED, code=THERE)
            elif (row.storage_type, row.storage_path) != (item.source_type, item.source_path):
                end(token, item, ItemState.SKIPPED, code=ELSEWHERE)
            else:
                self._rows[item.pk] = row
                yield Step(item, self._copy(item, row))

    def _copy(self, item: MigrationItem, row: Row) -> Callable[[], None]:
        source: StorageProvider = self._places.provider(item.source_type)
        order = Order(
            object_id=item.object_id,
            source_path=item.source_path,
            destination_path=item.destination_path,
            size=row.sealed_size,
            digest=row.digest,
        )

        def call() -> None:
            # One that is tried again may have been rewrapped a moment ago.
            with_sidecars = item.attempts > 1 or self._places.has_sidecars(item.source_type)
            copy_object(source, self._destination, replace(order, with_sidecars=with_sidecars), self._pace)

        return call

    def settle(self, token: UUID, step: Step) -> None:
        """The row and the item change together, or neither does."""
        item, row = step.item, self._rows.pop(step.item.pk)
        place = {"storage_type": self._run.destination, "storage_path": item.destination_path}
        with transaction.atomic():
            if switch_row(row, **place):
                if not end(token, item, ItemState.DONE, source_state=SourceState.KEPT):
                    transaction.set_rollback(True)
                    return
                _reclaim(item, self._run)
                failpoint("migrate.in-transaction")
            elif item.object_id in (now := find_rows([item.object_id])):
                same = (now[item.object_id].storage_type, now[item.object_id].storage_path)
                if same == (item.source_type, item.source_path):
                    put_off(token, item.pk, code=CHANGED)
                else:
                    end(token, item, ItemState.SKIPPED, code=ELSEWHERE)
            elif end(token, item, ItemState.SKIPPED, code=GONE):
                note_removal(item.object_id, **place)


def _reclaim(item: MigrationItem, run: MigrationRun) -> None:
    """The kept source of an earlier run is in use again: nobody may purge it any more."""
    MigrationItem.objects.filter(
        object_id=item.object_id,
        source_type=run.destination,
        source_path=item.destination_path,
        source_state=SourceState.KEPT,
        run__kind=RunKind.COPY,
    ).update(source_state=SourceState.RECLAIMED)
