"""How much one pass may do: objects listed, objects deleted, time."""

import time
from dataclasses import dataclass
from datetime import timedelta


@dataclass
class Budget:
    """What is left. ``until`` is by ``time.monotonic``, or None where the pass may take as long as it takes."""

    scans: int
    deletions: int
    until: float | None = None

    @classmethod
    def of(cls, *, scans: int, deletions: int, longest: timedelta | None) -> "Budget":
        return cls(scans, deletions, time.monotonic() + longest.total_seconds() if longest else None)

    @property
    def is_over(self) -> bool:
        return self.until is not None and time.monotonic() > self.until

    def share(self, among: int) -> "Budget":
        """Take an equal part for one of ``among`` that are still to come; what it leaves goes back by ``give_back``."""
        part = Budget(-(-self.scans // among), -(-self.deletions // among), self.until)
        self.scans -= part.scans
        self.deletions -= part.deletions
        return part

    def give_back(self, rest: "Budget") -> None:
        self.scans += rest.scans
        self.deletions += rest.deletions

    def take_scans(self, among: int) -> int:
        """How many objects one listing of ``among`` that are still to come may read; ``scans`` is lowered by it."""
        part = -(-self.scans // among)
        self.scans -= part
        return part

    def take_deletion(self) -> bool:
        """Whether one more object may be deleted."""
        if self.deletions < 1:
            return False
        self.deletions -= 1
        return True
