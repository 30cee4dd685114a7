"""The work of a run that verifies: every object of the destination is read, and compared with its row."""

from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from documents.storage.base import StorageProvider
from migrations_tools.copying import ELSEWHERE, GONE
from migrations_tools.errors import CopyDamaged
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.pace import Pace
from migrations_tools.places import Places
from migrations_tools.rows import find_rows
from migrations_tools.states import ItemState
from migrations_tools.steps import Step, end, end_all
from migrations_tools.transfer import read_back


class VerifyWork:
    """Changes nothing but its own items."""

    def __init__(self, run: MigrationRun, places: Places, pace: Pace) -> None:
        self._provider, self._pace = places.provider(run.destination), pace

    def begin(self, token: UUID, items: Sequence[MigrationItem]) -> Iterator[Step]:
        rows = find_rows([item.object_id for item in items])
        for item in items:
            row = rows.get(item.object_id)
            if row is None:
                end(token, item, ItemState.SKIPPED, code=GONE)
            elif (row.storage_type, row.storage_path) != (item.source_type, item.source_path):
                end(token, item, ItemState.SKIPPED, code=ELSEWHERE)
            else:
                yield Step(item, partial(compare, self._provider, row.storage_path, row.digest, self._pace))

    def settle(self, token: UUID, steps: Sequence[Step]) -> list[Step]:
        end_all(token, [step.item for step in steps], ItemState.DONE)
        return []


def compare(provider: StorageProvider, key: str, digest: str, pace: Pace) -> None:
    """Read an object and compare it with its row's digest. Raises CopyDamaged, another StorageError or Stopped."""
    pace.begin()
    if read_back(provider, key, pace) != digest:
        raise CopyDamaged(
            "The object is not what was sealed",
            provider=provider.name,
            key=key,
            hint="Look for another copy: the source of a migration that was not purged, or your backups",
        )
