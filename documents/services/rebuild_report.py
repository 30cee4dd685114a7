"""What a rebuild found, and whether its database may be taken for the vault's newest."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import structlog

from documents.errors import IntegrityMismatch, StorageError, UnsupportedEnvelope, UnwrapFailed
from documents.storage.base import ObjectInfo, StorageProvider

log = structlog.get_logger(__name__)

_TOLD = 1_000  # failures that a report names; the others are counted
# Outcomes of objects that a row names now.
_NAMED = ("added", "known", "copies", "found in another place", "sealed anew")


class Failure(NamedTuple):
    """An object that got no row. ``answer`` is the class of the error."""

    storage_type: str
    key: str
    answer: str
    detail: str


@dataclass(slots=True)
class RebuildReport:
    """Objects by what became of them, and the first thousand that could not be opened.

    ``withheld`` says why the database was not accepted as the newest, and what to do; "" where it was.
    """

    vault_id: UUID
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    withheld: str = ""
    _opened_elsewhere: int = 0
    _not_read: int = 0

    def fail(self, provider: StorageProvider, info: ObjectInfo, error: Exception) -> None:
        """Count an object that could not be opened."""
        self.counts["failed"] += 1
        # Of a store's errors this one alone says something about the object.
        self._not_read += isinstance(error, StorageError) and not isinstance(error, IntegrityMismatch)
        self._opened_elsewhere += isinstance(error, (UnwrapFailed, UnsupportedEnvelope))
        log.warning("object_not_recovered", provider=provider.name, key=info.key, code=type(error).__name__)
        if len(self.failures) < _TOLD:
            self.failures.append(Failure(provider.name, info.key, type(error).__name__, str(error)))

    def judge(self, *, accept_damaged: bool) -> bool:
        """Say whether the database may be accepted, and note in ``withheld`` why not.

        To an accepted one every object that it does not name is left over, and the collector clears it away. So what
        another key, setting or version may open, or could not be read, is never accepted as lost, and damage only where
        ``accept_damaged`` says so.
        """
        self.withheld = self._against(accept_damaged=accept_damaged)
        return not self.withheld

    def _against(self, *, accept_damaged: bool) -> str:
        if count := self._opened_elsewhere:
            return (
                f"{count:,} objects may be sound: they are sealed for keys that were not given, or in a way that "
                "VAULT_WEAKEST_WRAP or this version refuses. Run the same again with every key that the vault has had "
                "(--key, several times). Where those are lost for good, `manage.py collect_garbage "
                "--accept-older-database` accepts the database as it is."
            )
        if count := self._not_read:
            return (
                f"{count:,} objects could not be read: the store gave no bytes of them, which says nothing about "
                "whether they are sound. Mend the access and run the same again. Where that is impossible for good, "
                "`manage.py collect_garbage --accept-older-database` accepts the database as it is."
            )
        if not any(self.counts[outcome] for outcome in _NAMED):
            return "No object of a document of this vault was found. Are the stores the right ones?"
        if (count := self.counts["failed"]) and not accept_damaged:
            return (
                f"{count:,} objects could not be opened. Put sound copies of them into the store and run the same "
                "again; or, where there are none, run it with --accept-damaged."
            )
        return ""
