"""The figures of a report as shapes for SVG: numbers are text already, so that no locale gives them another point."""

from collections.abc import Sequence
from dataclasses import dataclass

# A chart of columns is drawn in these units and stretched to whatever place it has.
WIDTH, HEIGHT = 600.0, 100.0
# Of the place of one column, what stays empty to its right.
_GAP = 0.18
# What is there is seen, however little it is beside the rest.
_LEAST = 1.5


@dataclass(frozen=True, slots=True)
class Column:
    """A rectangle; ``says`` is what a pointer over it shows."""

    x: str
    y: str
    width: str
    height: str
    says: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar whose whole length is 100; ``name`` chooses its colour."""

    name: str
    x: str
    width: str


def columns(values: Sequence[int], says: Sequence[str]) -> list[Column]:
    """Return a column for each value, the largest as high as the chart; none for a 0."""
    highest, step = max(values, default=0), WIDTH / max(1, len(values))
    drawn = []
    for index, value in enumerate(values):
        if value:
            height = max(_LEAST, HEIGHT * value / highest)
            x, y, width = f"{index * step:.2f}", f"{HEIGHT - height:.2f}", f"{step * (1 - _GAP):.2f}"
            drawn.append(Column(x, y, width, f"{height:.2f}", says[index]))
    return drawn


def parts(values: dict[str, int]) -> list[Part]:
    """Return the parts of one bar, side by side, by their share of the sum."""
    total, x, drawn = sum(values.values()), 0.0, []
    for name, value in values.items():
        if value:
            width = 100 * value / total
            drawn.append(Part(name, f"{x:.2f}", f"{width:.2f}"))
            x += width
    return drawn


def share(value: int, total: int) -> str:
    """Return the length of a bar whose whole is 100."""
    return f"{max(_LEAST, 100 * value / total) if value and total else 0:.2f}"
