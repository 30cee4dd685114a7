"""Who still needs a payload: documents, by the row itself, and holders that other apps register."""

from collections.abc import Callable, Collection
from uuid import UUID

# Takes ids of payloads and returns those that rows of its app still refer to.
Holder = Callable[[Collection[UUID]], Collection[UUID]]

_holders: dict[str, Holder] = {}


def register_holder(name: str, function: Holder) -> None:
    """Let ``function`` be asked before payloads are swept. Call it from the ``ready`` of an AppConfig.

    It is asked inside a transaction, with at most 500 ids, so it asks the database alone. What it raises stops the
    sweep: nothing is removed on a guess. Raises ValueError where another function has this name.
    """
    if _holders.setdefault(name, function) is not function:
        raise ValueError(f"another holder is registered as {name!r}")


def held(ids: Collection[UUID]) -> set[UUID]:
    """Return those of the ids that a registered holder still refers to."""
    return {payload_id for function in _holders.values() for payload_id in function(ids)}
