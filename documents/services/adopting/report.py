"""What became of all originals: counts, and each failure, as text, JSON or CSV. Memory is flat."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from documents.services.adopting.outcomes import Outcome, Status
from documents.services.tables import table_line

# Of the JSON. It grows when a member changes its meaning or goes, not when one is added.
SCHEMA_VERSION = 1
# Failures that text and JSON tell one by one; the CSV has all.
MOST_FAILURES = 10_000
COLUMNS = ("source", "status", "code", "detail", "bytes", "owner", "document_id", "attachment_id")
SYSTEM = "(the system)"

_WORDS = {
    Status.ADOPTED: "Adopted",
    Status.REGISTERED: "Registered in place",
    Status.RESEALED: "Sealed anew",
    Status.PLANNED: "To be adopted",
    Status.ALREADY: "Already adopted",
    Status.LEFT_OUT: "Left out",
    Status.FAILED: "Failed",
}


@dataclass
class Tally:
    """Grows with each outcome. ``bytes`` are the originals'; ``owners`` counts what was, or would be, adopted."""

    dry_run: bool = False
    counts: Counter[Status] = field(default_factory=Counter)
    bytes: Counter[Status] = field(default_factory=Counter)
    owners: Counter[str] = field(default_factory=Counter)
    owners_bytes: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome. Of the failures the first ``MOST_FAILURES`` are kept in words."""
        self.counts[outcome.status] += 1
        self.bytes[outcome.status] += outcome.size
        if outcome.status is Status.FAILED:
            self.causes[outcome.code] += 1
            if len(self.failures) < MOST_FAILURES:
                self.failures.append(outcome)
        elif outcome.status not in (Status.LEFT_OUT, Status.ALREADY):
            self.owners[outcome.owner or SYSTEM] += 1
            self.owners_bytes[outcome.owner or SYSTEM] += outcome.size

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """How many were adopted, registered or sealed anew just now."""
        return sum(self.counts[status] for status in (Status.ADOPTED, Status.REGISTERED, Status.RESEALED))

    @property
    def failed(self) -> int:
        return self.counts[Status.FAILED]


def as_json(tally: Tally) -> str:
    """Return the whole as JSON. All numbers are whole, sizes are bytes."""
    owners = {name: {"count": count, "bytes": tally.owners_bytes[name]} for name, count in sorted(tally.owners.items())}
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "dry_run": tally.dry_run,
            "total": tally.total,
            "counts": {status.value: tally.counts[status] for status in Status},
            "bytes": {status.value: tally.bytes[status] for status in Status},
            "owners": owners,
            "causes": dict(sorted(tally.causes.items())),
            "failures": [_failure(outcome) for outcome in tally.failures],
            "failures_left_out": tally.failed - len(tally.failures),
        },
        indent=2,
    )


def _failure(outcome: Outcome) -> dict[str, object]:
    told = asdict(outcome)
    return {name: told[name] for name in ("source", "size", "code", "detail")}


def as_text(tally: Tally) -> str:
    """Return the same for people, several lines."""
    return "\n".join(_lines(tally))


def _lines(tally: Tally) -> Iterator[str]:
    if tally.dry_run:
        yield "A dry run: nothing was changed."
    yield f"Total: {tally.total:,}"
    for status, words in _WORDS.items():
        if tally.counts[status] or status is Status.FAILED:
            yield f"{words}: {tally.counts[status]:,} ({tally.bytes[status]:,} bytes)"
    for name, count in sorted(tally.owners.items()):
        yield f"  for {name}: {count:,} ({tally.owners_bytes[name]:,} bytes)"
    for code, count in sorted(tally.causes.items()):
        yield f"  FAILED, {code}: {count:,}"
    for outcome in tally.failures:
        yield f"  {outcome.source}: {outcome.code}. {outcome.detail}"
    if left_out := tally.failed - len(tally.failures):
        yield f"  and {left_out:,} more; --format csv has them."


def as_line(outcome: Outcome) -> str:
    """Return one outcome as a line of the CSV; ``COLUMNS`` are its head."""
    return table_line(
        (
            *(outcome.source, outcome.status.value, outcome.code, outcome.detail, str(outcome.size)),
            *(outcome.owner, outcome.document_id, outcome.attachment_id),
        )
    )
