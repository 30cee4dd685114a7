"""What became of a run, as text, JSON or CSV, in pieces: there may be many findings."""

import json
from collections.abc import Iterator

from documents.models import UpkeepFinding, UpkeepRun
from documents.services.tables import table_line
from documents.upkeep.figures import figures_of
from documents.wording import duration_in_words, moment_in_words, plain, size_in_words

FORMATS = ("text", "json", "csv")
SCHEMA_VERSION = 1
_COLUMNS = ("class", "attachment_id", "document_id", "store", "object_key", "detail")


def report_of(run: UpkeepRun, form: str) -> Iterator[str]:
    """Yield the report in one of ``FORMATS``, line ends and all."""
    return {"text": _text, "json": _json, "csv": _csv}[form](run)


def _text(run: UpkeepRun) -> Iterator[str]:
    figures = figures_of(run)
    yield f"Run {run.pk}: {run.get_kind_display()}, {run.get_state_display().lower()}\n"
    facts = {
        "Begun": moment_in_words(run.created_at),
        "Ended": moment_in_words(run.finished_at),
        "Took": duration_in_words(figures.elapsed),
        "Objects": f"{figures.total:,}",
        "Looked at": f"{figures.seen:,}",
    }
    if run.kind == UpkeepRun.Kind.VERIFY:
        facts |= {"Read": size_in_words(figures.size), "Opened": "every chunk" if run.options.get("deep") else "none"}
    else:
        facts |= {"Changed": f"{figures.changed:,}", "KEK": str(run.options.get("primary", ""))[:16]}
    facts["Findings"] = f"{figures.findings:,}"
    yield from (f"  {name:<10} {value}\n" for name, value in facts.items() if value)
    yield from (f"    {code:<20} {count:,}\n" for code, count in figures.classes.items())
    if run.note:
        yield f"  Note       {plain(run.note)}\n"
    for finding in _findings(run):
        place = plain(f"{finding.storage_type}:{finding.storage_path}")
        yield f"{finding.code}  {place}\n  {plain(finding.detail)}\n"


def _json(run: UpkeepRun) -> Iterator[str]:
    figures = figures_of(run)
    facts = {
        "schema_version": SCHEMA_VERSION,
        "run": run.pk,
        "kind": run.kind,
        "state": run.state,
        "options": run.options,
        "begun_at": run.created_at.isoformat(),
        "ended_at": run.finished_at and run.finished_at.isoformat(),
        "note": run.note,
        "total": figures.total,
        "seen": figures.seen,
        "changed": figures.changed,
        "bytes_read": figures.size,
        "classes": figures.classes,
    }
    yield json.dumps(facts, indent=2).removesuffix("\n}") + ',\n  "findings": ['
    separator = "\n    "
    for finding in _findings(run):
        yield separator + json.dumps(dict(zip(_COLUMNS, _values(finding), strict=True)))
        separator = ",\n    "
    yield "\n  ]\n}\n"


def _csv(run: UpkeepRun) -> Iterator[str]:
    yield table_line(_COLUMNS)
    for finding in _findings(run):
        yield table_line(_values(finding))


def _values(finding: UpkeepFinding) -> tuple[str, ...]:
    subject, document = finding.subject or "", finding.document_id or ""
    return finding.code, str(subject), str(document), finding.storage_type, finding.storage_path, finding.detail


def _findings(run: UpkeepRun) -> Iterator[UpkeepFinding]:
    return run.findings.order_by("pk").iterator(chunk_size=500)
