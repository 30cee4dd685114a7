"""The table for people and the lines for machines."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figure import LeftOut, Result


def print_table(results: Sequence[Result | LeftOut]) -> None:
    table = Table("figure", "ours", "peer", "unit", "ratio", "goal", "met")
    for result in results:
        if isinstance(result, LeftOut):
            table.add_row(result.figure, "left out", "", "", "", "", result.reason)
            continue
        verdict = "yes" if result.is_met else "[bold red]no[/]"
        table.add_row(
            *(result.figure, _short(result.ours), _short(result.peer), result.unit),
            *(f"{result.ratio:.2f}", str(result.goal), verdict),
        )
    Console(width=120).print(table)


def print_progress(result: Result | LeftOut) -> None:
    """One line on stderr as soon as a figure is there."""
    said = result.reason if isinstance(result, LeftOut) else f"{result.ratio:.2f}"
    Console(stderr=True, highlight=False).print(f"{result.figure}: {said}")


def json_lines(results: Sequence[Result | LeftOut]) -> str:
    """One object per figure that was measured."""
    lines = [
        {
            "figure": result.figure,
            "ours": round(result.ours, 6),
            "peer": round(result.peer, 6),
            "ratio": round(result.ratio, 4),
            "unit": result.unit,
        }
        for result in results
        if isinstance(result, Result)
    ]
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def write_json(path: Path, results: Sequence[Result | LeftOut]) -> None:
    path.write_text(json_lines(results))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
