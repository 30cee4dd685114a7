"""How many a run does. What fails does not count: a later run would never come to what is behind it."""

from collections.abc import Generator
from contextlib import closing

from documents.services.adopting.outcomes import DONE, Outcome


class Limit:
    """``left`` is how many more may be done, None for any number. For one thread."""

    def __init__(self, limit: int | None) -> None:
        self.left = limit

    @property
    def is_reached(self) -> bool:
        return self.left == 0

    def counting(self, outcomes: Generator[Outcome]) -> Generator[Outcome]:
        """Yield them all, and count what was done. Closes ``outcomes``."""
        with closing(outcomes):
            for outcome in outcomes:
                if self.left is not None and outcome.status in DONE:
                    self.left -= 1
                yield outcome
