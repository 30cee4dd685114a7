"""What a figure is: two medians of one run, their ratio, and the goal it has."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for the ratio, or for the difference where two amounts cannot be divided sensibly."""

    bound: float
    kind: Literal["ratio at least", "ratio at most", "more by at most"]

    def is_met(self, ours: float, peer: float) -> bool:
        if self.kind == "ratio at least":
            return ours / peer >= self.bound
        return (ours / peer if self.kind == "ratio at most" else ours - peer) <= self.bound

    def __str__(self) -> str:
        signs = {"ratio at least": ">= ", "ratio at most": "<= ", "more by at most": "<= +"}
        return f"{signs[self.kind]}{self.bound:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of one run. ``ours`` and ``peer`` are medians, in ``unit``."""

    figure: str
    ours: float
    peer: float
    unit: str
    goal: Goal

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    @property
    def is_met(self) -> bool:
        return self.goal.is_met(self.ours, self.peer)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A figure that this machine cannot give, and why."""

    figure: str
    reason: str


@dataclass(frozen=True, slots=True)
class Options:
    """``rounds`` of each side; ``size`` in bytes of the large files, None for each group's own."""

    rounds: int
    size: int | None = None


Measure = Callable[[Options], Iterator[Result | LeftOut]]
Side = Callable[[], float]
