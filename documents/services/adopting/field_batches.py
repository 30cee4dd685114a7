"""The rows of a field, batch by batch, up to a limit."""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Model

from documents.errors import VaultError
from documents.services.adopting.fields import FieldOfApp
from documents.services.adopting.outcomes import Outcome, failure_of
from documents.services.adopting.sources import Source
from documents.services.adopting.working import Wish


@dataclass(frozen=True)
class FieldRow:
    """A row of another app, and its file."""

    row: Model
    source: Source


# Tells the identities of those that were adopted before.
Done = Callable[[Sequence[Source]], Container[str]]


def batches_of(field: FieldOfApp, wish: Wish, is_done: Done) -> Iterator[tuple[list[FieldRow], list[Outcome]]]:
    """So many rows at a time, and the outcomes of those whose file the storage cannot tell of.

    With a limit they end where so many were worked on: what was done before is passed by, and does not count.
    """
    left = wish.limit
    for rows in field.rows(wish.batch_size):
        looked = [_looked_at(field, row) for row in rows]
        if left is not None:
            looked, left = _within(looked, is_done, left)
        yield (
            [each for each in looked if isinstance(each, FieldRow)],
            [each for each in looked if isinstance(each, Outcome)],
        )
        if left == 0:
            return


def _within(looked: Sequence[FieldRow | Outcome], is_done: Done, left: int) -> tuple[list[FieldRow | Outcome], int]:
    """The beginning of a batch in which ``left`` rows are to be worked on, and how many are left after it."""
    done = is_done([each.source for each in looked if isinstance(each, FieldRow)])
    taken: list[FieldRow | Outcome] = []
    for each in looked:
        if isinstance(each, Outcome) or each.source.identity not in done:
            if left == 0:
                break
            left -= 1
        taken.append(each)
    return taken, left


def _looked_at(field: FieldOfApp, row: Model) -> FieldRow | Outcome:
    try:
        return FieldRow(row, field.source_of(row))
    except VaultError as error:
        return failure_of(f"{row.pk}/{field.name_in(row)}", 0, error)
