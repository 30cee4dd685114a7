"""How much one pass may do: objects listed, objects deleted, time."""

import time
from dataclasses import dataclass
from datetime import timedelta

# Bytes a second, at the least: what a slow disk reads in a row, or a link of one gigabit. A move reads the object twice
# and writes it once; a store that is slower still is given its time by the other half of a task's.
RATE = 100 * 1000 * 1000
READS_AND_WRITES = 3


@dataclass
class Budget:
    """What is left. ``until`` is by ``time.monotonic``, or None where the pass may take as long as it takes.

    ``largest`` is the size in bytes of the largest object that can be moved in that time, or None for any.
    """

    scans: int
    deletions: int
    until: float | None = None
    largest: int | None = None

    @classmethod
    def of(cls, *, scans: int, deletions: int, longest: timedelta | None) -> "Budget":
        """The budget of a pass that begins now and takes ``longest`` at the most, None for any time."""
        if longest is None:
            return cls(scans, deletions)
        seconds = longest.total_seconds()
        return cls(scans, deletions, time.monotonic() + seconds, int(seconds * RATE / READS_AND_WRITES))

    @property
    def is_over(self) -> bool:
        return self.until is not None and time.monotonic() > self.until

    def has_time_for(self, size: int) -> bool:
        """Whether an object of so many bytes can be moved in the time of one pass."""
        return self.largest is None or size <= self.largest

    def share(self, among: int) -> "Budget":
        """Take an equal part for one of ``among`` that are still to come; what it leaves goes back by ``give_back``."""
        part = Budget(-(-self.scans // among), -(-self.deletions // among), self.until, self.largest)
        self.scans -= part.scans
        self.deletions -= part.deletions
        return part

    def give_back(self, rest: "Budget") -> None:
        """Add what a part left over."""
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
