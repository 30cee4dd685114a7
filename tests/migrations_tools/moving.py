"""What tests of migration do: make runs, work on them, and look at both stores."""

from dataclasses import dataclass
from typing import Any

from documents.models import Attachment
from documents.services.actors import Actor
from documents.storage.memory import MemoryProvider
from documents.storage.streaming import object_checksum
from documents.wiring import store_itself
from migrations_tools import control
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.runner import work_on

THERE = "there"
OPERATOR = Actor(user=None, via="command")


class There(MemoryProvider):
    """A store of the storage file."""


@dataclass(frozen=True)
class Stores:
    """The names of two stores."""

    here: str
    there: str


def run_to(destination: str, **options: Any) -> MigrationRun:
    """A run, worked on in this process until nothing is left to do."""
    run = control.create(MigrationRun(destination=destination, **options), OPERATOR)
    work_on(run.pk)
    run.refresh_from_db()
    return run


def outcomes(run: MigrationRun) -> dict[str, int]:
    """How many items of a run have each state, or state and code."""
    found: dict[str, int] = {}
    for item in run.items.all():
        name = f"{item.state}:{item.code}" if item.code else item.state
        found[name] = found.get(name, 0) + 1
    return found


def is_whole(attachment: Attachment) -> bool:
    """Whether the row's object is where the row says, and is what was sealed."""
    attachment.refresh_from_db()
    checksum = object_checksum(store_itself(attachment.storage_type), attachment.storage_path)
    return checksum == f"sha256:{attachment.digest}"


def item_of(run: MigrationRun, attachment: Attachment) -> MigrationItem:
    item: MigrationItem = run.items.get(object_id=attachment.pk)
    return item
