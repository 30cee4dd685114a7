"""What a worker does with its items, step by step.

A step's ``call`` asks stores, in a thread, and touches no row; what follows from its answer is written by ``settle``,
in the worker's own thread and in one transaction. So no transaction waits for a store, and threads need no database.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.db.models.functions import Now

from documents.redaction import redacted
from migrations_tools.leases import leased_to
from migrations_tools.models import MigrationItem, Row
from migrations_tools.states import ItemState

# So many outcomes are written at a time.
TOGETHER = 32


class Skip(Exception):
    """Nothing is to be done to this item after all; ``code`` says why."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Step:
    """``call`` returns nothing where all is well. Raises StorageError, Skip or Stopped. ``is_last`` of its item's.

    ``row`` is the item's as it was read when it was begun, where what follows depends on it.
    """

    item: MigrationItem
    call: Callable[[], object]
    is_last: bool = True
    row: Row | None = None


class Work(Protocol):
    """What is done to the items of one kind of run. ``token`` is that of their lease."""

    def begin(self, token: UUID, items: Sequence[MigrationItem]) -> Iterable[Step]:
        """Return the first step of each item. What turns out to need none is settled here. No store is asked."""
        ...

    def settle(self, token: UUID, steps: Sequence[Step]) -> list[Step]:
        """Write what follows from steps that went well; return the next ones. Runs in a transaction of the caller's."""
        ...


def end(
    token: UUID, item: MigrationItem, state: ItemState, *, code: str = "", detail: str = "", **more: object
) -> bool:
    """Write the outcome of an item. Returns False where the lease has been lost: then nothing was written."""
    return bool(end_all(token, [item], state, code=code, detail=detail, **more))


def end_all(
    token: UUID, items: Sequence[MigrationItem], state: ItemState, *, code: str = "", detail: str = "", **more: object
) -> int:
    """Write one outcome of many items. Returns of how many: of those whose lease has been lost nothing was written."""
    mine = leased_to(token).filter(pk__in=[item.pk for item in items])
    return mine.update(
        state=state,
        code=code,
        detail=redacted(detail)[:500],
        lease=None,
        lease_until=None,
        holds_row=False,
        finished_at=Now(),
        **more,
    )
