"""Who else writes objects of the vault's: asked before an unfinished write is taken for dead."""

from collections.abc import Callable
from datetime import datetime

# Returns when the oldest write that may still be going on began, at the earliest; None where there is none.
Oldest = Callable[[], datetime | None]

_writers: dict[str, Oldest] = {}


def register(name: str, oldest: Oldest) -> None:
    """Have ``oldest`` asked before unfinished writes are removed. A second registration replaces the first."""
    _writers[name] = oldest


def oldest_write() -> datetime | None:
    """Return since when, at the earliest, any registered writer has been writing; None where none is."""
    return min(filter(None, (oldest() for oldest in list(_writers.values()))), default=None)
