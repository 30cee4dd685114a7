"""What tests of reports do: make runs out of rows alone, and look at the forms of their reports."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from documents.models.clock import database_now
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.reports.writing import pieces_of_report
from migrations_tools.states import ItemState, RunState


def written(run: MigrationRun, form: str) -> str:
    """The whole report."""
    return "".join(pieces_of_report(run, form))


def run_of_rows(
    count: int, *, state: str = ItemState.FAILED, each: Callable[[int], dict[str, Any]] = lambda _number: {}
) -> MigrationRun:
    """A run that is over, with this many items that no store knows of."""
    now = database_now()
    run = MigrationRun.objects.create(
        destination="there",
        state=RunState.FAILED if state == ItemState.FAILED else RunState.SUCCEEDED,
        planned_at=now,
        started_at=now - timedelta(minutes=10),
        finished_at=now,
    )
    items = (_item(run, number, state, now, each(number)) for number in range(count))
    MigrationItem.objects.bulk_create(items, batch_size=1000)
    return run


def _item(run: MigrationRun, number: int, state: str, now: datetime, more: dict[str, Any]) -> MigrationItem:
    facts: dict[str, Any] = {
        "object_id": UUID(int=number + 1),
        "source_type": "here",
        "source_path": f"documents/system/2026/01/01/{UUID(int=number + 1)}.vlt",
        "destination_path": f"documents/system/2026/01/01/{UUID(int=number + 1)}.vlt",
        "size": 1000,
        "digest": "0" * 64,
        "state": state,
        "code": "object-not-found" if state == ItemState.FAILED else "",
        "detail": "It is not there" if state == ItemState.FAILED else "",
        "attempts": 1,
        "finished_at": now,
    }
    return MigrationItem(run=run, **(facts | more))
