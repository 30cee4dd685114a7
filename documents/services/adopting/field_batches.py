"""The rows of a field, batch by batch, up to a limit."""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from django.db.models import Model

from documents.errors import VaultError
from documents.services.adopting.fields import FieldOfApp
from documents.services.adopting.limits import Limit
from documents.services.adopting.outcomes import Outcome, failure_of
from documents.services.adopting.sources import Source
from documents.services.adopting.working import Wish


@dataclass(frozen=True)
class FieldRow:
    """A row of another app, and its file."""

    row: Model
    source: Source


Looked: TypeAlias = FieldRow | Outcome
# Tells the identities of those that were adopted before.
Done = Callable[[Sequence[Source]], Container[str]]


def batches_of(
    field: FieldOfApp, wish: Wish, is_done: Done, limit: Limit
) -> Iterator[tuple[list[FieldRow], list[Outcome]]]:
    """So many rows at a time, and the outcomes of those whose file the storage cannot tell of.

    They end where the limit is reached, which the caller counts: what was done before is passed by.
    """
    for rows in field.rows(wish.batch_size):
        waiting = [_looked_at(field, row) for row in rows]
        done = () if limit.left is None else is_done([each.source for each in waiting if isinstance(each, FieldRow)])
        while waiting and not limit.is_reached:
            batch, waiting = _within(waiting, done, limit.left)
            yield (
                [each for each in batch if isinstance(each, FieldRow)],
                [each for each in batch if isinstance(each, Outcome)],
            )
        if limit.is_reached:
            return


def _within(looked: list[Looked], done: Container[str], left: int | None) -> tuple[list[Looked], list[Looked]]:
    """The beginning, in which at most ``left`` rows are to be worked on, and the rest."""
    if left is None:
        return looked, []
    for number, each in enumerate(looked):
        if left == 0:
            return looked[:number], looked[number:]
        left -= isinstance(each, FieldRow) and each.source.identity not in done
    return looked, []


def _looked_at(field: FieldOfApp, row: Model) -> Looked:
    try:
        return FieldRow(row, field.source_of(row))
    except VaultError as error:
        return failure_of(f"{row.pk}/{field.name_in(row)}", 0, error)
