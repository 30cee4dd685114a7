"""What a pass of the collector did, store by store, as text and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

UNKNOWN = (
    "They may belong to a newer database: they stay in the trash until `manage.py collect_garbage --purge-unknown`."
)

# Of the JSON. It grows when a member changes its meaning or goes, not when one is added.
SCHEMA_VERSION = 1

UNCOUNTED = "not counted; a store tells how many there are only by removing them"
BY_HAND = "`manage.py collect_garbage` has no limit and moves them."


@dataclass
class StoreReport:
    """Counts of objects of one pass. With a dry run, of what the pass would do.

    ``epoch_is_current``: whether this database is the newest of its vault; None where the store could not tell.
    ``unreferenced``: listed and needed by nobody. ``foreign``: listed, and neither made by the vault nor known to a
    registered app; left alone. ``sighted``: of them, seen for the first time. ``forgotten``: seen
    before, and needed, changed or gone by now. ``trashed``: moved to the trash. ``returned``: moved back, because they
    are needed again. ``purged``: deleted from the trash for good. ``unknown``: in the trash, and this database never
    heard of them. ``too_large``: due for the trash, or needed again, and more than can be moved in the time of a task.
    ``failed``: could not be moved; ``complaints`` says why.
    """

    store: str
    epoch_is_current: bool | None = None
    scanned: int = 0
    unreferenced: int = 0
    foreign: int = 0
    sighted: int = 0
    forgotten: int = 0
    trashed: int = 0
    in_trash: int = 0
    returned: int = 0
    purged: int = 0
    unknown: int = 0
    too_large: int = 0
    failed: int = 0
    complaints: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def changes(self) -> dict[str, int]:
        """What became of objects, for the audit log; empty where nothing did."""
        counts = {"trashed": self.trashed, "returned": self.returned, "purged": self.purged}
        return {name: count for name, count in counts.items() if count}

    @property
    def is_well(self) -> bool:
        return not self.error and not self.failed

    def complain(self, message: str) -> None:
        """Count a failure; the first few are told in words."""
        self.failed += 1
        if len(self.complaints) < 10:
            self.complaints.append(message)


def as_json(reports: Sequence[StoreReport], *, dry_run: bool, swept: Mapping[str, int | None] | None = None) -> str:
    """The reports as JSON.

    ``swept`` is what the sweepers ended, or in a dry run would end, by kind; None where only the sweep itself tells.
    """
    told = [asdict(report) for report in reports]
    return json.dumps(
        {"schema_version": SCHEMA_VERSION, "dry_run": dry_run, "swept": swept or {}, "stores": told}, indent=2
    )


def as_text(reports: Sequence[StoreReport], *, dry_run: bool, swept: Mapping[str, int | None] | None = None) -> str:
    """The same for people, several lines."""
    lines = ["A dry run: nothing was changed."] if dry_run else []
    verb = "stale" if dry_run else "swept"
    for name, count in (swept or {}).items():
        lines.append(f"{verb} {name}: {count:,}" if count is not None else f"{verb} {name}: {UNCOUNTED}")
    for report in reports:
        lines += _of_store(report, dry_run=dry_run)
    return "\n".join(lines) or "No store is configured."


def _of_store(report: StoreReport, *, dry_run: bool) -> list[str]:
    would = "would be " if dry_run else ""
    lines = [
        f"{report.store}: {report.scanned:,} scanned, {report.unreferenced:,} unreferenced",
        f"  {would}sighted: {report.sighted:,}, forgotten: {report.forgotten:,}, trashed: {report.trashed:,}",
        f"  trash: {report.in_trash:,} looked at, {would}moved back: {report.returned:,}, deleted: {report.purged:,}",
    ]
    if report.too_large:
        lines.append(f"  {report.too_large:,} are too large for the time of a task. {BY_HAND}")
    if report.foreign:
        lines.append(f"  {report.foreign:,} are foreign: this vault did not make them, and leaves them alone.")
    if report.unknown:
        lines.append(f"  {report.unknown:,} in the trash are unknown to this database. {UNKNOWN}")
    lines += [f"  FAILED: {complaint}" for complaint in report.complaints]
    if report.error:
        lines.append(f"  FAILED: {report.error}")
    return lines
