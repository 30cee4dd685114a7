"""Ours and the peer's in turn: the same rounds, the same minutes, the same noise."""

import random
from collections.abc import Callable
from statistics import median
from time import perf_counter

from benchmarks.figure import Goal, Options, Result, Side


def compare(figure: str, ours: Side, peer: Side, *, unit: str, goal: Goal, options: Options) -> Result:
    """Warm both up once, then take ``rounds`` values of each, in an order that is drawn anew every round."""
    values: dict[str, list[float]] = {"ours": [], "peer": []}
    sides = [("ours", ours), ("peer", peer)]
    for _, side in sides:
        side()
    for _ in range(options.rounds):
        random.shuffle(sides)
        for name, side in sides:
            values[name].append(side())
    return Result(figure, median(values["ours"]), median(values["peer"]), unit, goal)


def rate(work: Callable[[], object], size: int) -> float:
    """MB/s (10^6 bytes) at which ``work`` gets through ``size`` bytes."""
    started = perf_counter()
    work()
    return size / (perf_counter() - started) / 1e6
