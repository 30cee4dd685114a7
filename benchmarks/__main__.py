"""``python -m benchmarks [GROUP ...] [--rounds N] [--size BYTES] [--json FILE]``"""

import argparse
import sys
from pathlib import Path

from benchmarks import files, growth, memory, migration, paging, report, rotation, transfers
from benchmarks.figure import LeftOut, Measure, Options, Result
from benchmarks.scratch import NoRoom

GROUPS: dict[str, Measure] = {
    "files": files.measure,
    "rotation": rotation.measure,
    "upload": transfers.measure_uploads,
    "download": transfers.measure_downloads,
    "range": transfers.measure_ranges,
    "memory": memory.measure,
    "paging": paging.measure,
    "migration": migration.measure,
    "growth": growth.measure,
}
_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    options = Options(chosen.rounds, chosen.size)
    results: list[Result | LeftOut] = []
    for name in chosen.groups or GROUPS:
        try:
            for result in GROUPS[name](options):
                report.print_progress(result)
                results.append(result)
        except NoRoom as error:
            results.append(LeftOut(name, str(error)))
    report.print_table(results)
    sys.stdout.write(report.json_lines(results))
    if chosen.json:
        report.write_json(chosen.json, results)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures the vault beside peers, in one run, and prints a table and a JSON line per figure.",
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", type=_group, help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--rounds", type=_rounds, default=5, help="values of each side; the median counts (5)")
    parser.add_argument("--size", type=_size, help="of the large files, like 512M or 10G; each group has its own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the JSON lines go as well")
    return parser


def _group(text: str) -> str:
    if text not in GROUPS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(GROUPS)}")
    return text


def _rounds(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _size(text: str) -> int:
    digits, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    if not digits.isdecimal() or not int(digits):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 512M or 10G")
    return int(digits) * unit


if __name__ == "__main__":
    sys.exit(main())
