"""The work of a run that purges: a kept source is deleted, once its destination was verified a second time.

Before anything is deleted the item of the earlier run is marked PURGING, by whoever still has the lease, and with the
row locked. Whoever would move the row back finds a kept source no longer: one that is planned writes another key
(``plan.used_keys``), and one that is at it already does not switch (``copying``). Copies that a run began and never
switched to are deleted in the same way. So a process that stands still before its deletion and
goes on an hour later deletes what nobody has counted on since.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from django.db import transaction

from documents.failpoints import failpoint
from documents.services.sidecars import delete_sidecars
from migrations_tools.leases import leased_to
from migrations_tools.models import MigrationItem, MigrationRun, Row
from migrations_tools.pace import Pace
from migrations_tools.places import Places
from migrations_tools.rows import find_rows, lock_row
from migrations_tools.states import ItemState, SourceState
from migrations_tools.steps import Skip, Step, end
from migrations_tools.transfer import copy_sidecars
from migrations_tools.verifying import compare

IN_USE, ONE_PLACE, PURGED_BEFORE = "in-use-again", "one-place", "purged-before"


class PurgeWork:
    """Deletes from sources alone, and nothing that a row names."""

    def __init__(self, run: MigrationRun, places: Places, pace: Pace) -> None:
        self._run, self._places, self._pace = run, places, pace

    def begin(self, token: UUID, items: Sequence[MigrationItem]) -> Iterator[Step]:
        rows = find_rows([item.object_id for item in items])
        for item in items:
            row = rows.get(item.object_id)
            if row is not None and is_in_use(item, row):
                end(token, item, ItemState.SKIPPED, code=IN_USE)
            elif row is None:
                # Its document was deleted: what was kept of it goes without asking.
                yield Step(item, lambda: None, is_last=False)
            else:
                yield Step(item, partial(self._compare, item, row), is_last=False)

    def _compare(self, item: MigrationItem, row: Row) -> None:
        """The object, and its newer key blocks: one that was written to the source late is copied now."""
        if item.source_path == row.storage_path and self._places.are_one(item.source_type, row.storage_type):
            raise Skip(ONE_PLACE)
        destination = self._places.provider(row.storage_type)
        compare(destination, row.storage_path, row.digest, self._pace)
        copy_sidecars(self._places.provider(item.source_type), destination, item.object_id)

    def settle(self, token: UUID, steps: Sequence[Step]) -> list[Step]:
        return [following for step in steps if (following := self._settle(token, step))]

    def _settle(self, token: UUID, step: Step) -> Step | None:
        """Twice: when the destination was verified, and when the source is gone."""
        item = step.item
        kept = MigrationItem.objects.filter(pk__in=[item.kept_item_id])
        if step.is_last:
            if end(token, item, ItemState.DONE, source_state=SourceState.PURGED):
                kept.update(source_state=SourceState.PURGED)
            return None
        with transaction.atomic():
            # The row first, as whoever moves it back has it: of the two one sees what the other did.
            here = lock_row(item.object_id)
            if here is not None and is_in_use(item, here):
                end(token, item, ItemState.SKIPPED, code=IN_USE)
                return None
            if not leased_to(token).select_for_update().filter(pk=item.pk).exists():
                return None
            left = kept.filter(source_state__in=[SourceState.NONE, SourceState.KEPT, SourceState.PURGING])
            if not left.update(source_state=SourceState.PURGING):
                end(token, item, ItemState.SKIPPED, code=PURGED_BEFORE)
                return None
            # On this item too: the other one may be given another key (``control.retry_failed``).
            leased_to(token).filter(pk=item.pk).update(source_state=SourceState.PURGING)
        return Step(item, partial(self._delete, item, here.storage_type if here else ""))

    def _delete(self, item: MigrationItem, lives_in: str) -> None:
        """Delete the object; and its newer key blocks, unless it ``lives_in`` the same store under another key."""
        failpoint("migrate.purge-marked")
        store = self._places.provider(item.source_type)
        store.delete(item.source_path)
        if not lives_in or not self._places.are_one(item.source_type, lives_in):
            delete_sidecars(store, item.object_id)
        failpoint("migrate.source-deleted")


def is_in_use(item: MigrationItem, row: Row) -> bool:
    """Whether the row names the very object that is to be deleted."""
    return (row.storage_type, row.storage_path) == (item.source_type, item.source_path)
