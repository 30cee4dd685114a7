"""The plan of a run for people and for programs, and whether its destination takes anything."""

import json
from dataclasses import asdict

from documents.errors import StorageError
from documents.services.probing import Outcome, probe_storage
from documents.wiring import store_itself
from migrations_tools.models import MigrationRun
from migrations_tools.plan import REFUSALS
from migrations_tools.preview import Preview
from migrations_tools.states import RunKind

# Of the JSON. It grows when a member changes its meaning or goes, not when one is added.
SCHEMA_VERSION = 1


def probe(run: MigrationRun) -> str:
    """Write, read and delete objects of its own at the destination. Returns what failed, or "". Not where it reads."""
    if run.kind != RunKind.COPY:
        return ""
    try:
        findings = probe_storage(store_itself(run.destination), thorough=False)
        failed = [
            f"{found.probe}: {found.detail}. {found.hint}" for found in findings if found.outcome is Outcome.FAILED
        ]
    except StorageError as error:
        return str(error)
    return "; ".join(failed)


def preview_as_json(found: Preview, problem: str) -> str:
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "destination": found.destination,
            "total": asdict(found.total),
            "by_store": {store: asdict(amount) for store, amount in found.by_store.items()},
            "already_there": asdict(found.already_there),
            "refused": dict(found.refused),
            "held_by_run": found.held_by,
            "free_bytes": found.free,
            "destination_problem": problem or None,
        },
        indent=2,
    )


def preview_as_text(found: Preview, problem: str) -> str:
    lines = ["A dry run: nothing was changed.", f"To {found.destination}:"]
    for store, amount in sorted(found.by_store.items()):
        lines.append(f"  from {store}: {amount.objects:,} objects, {amount.size:,} bytes")
    lines.append(f"  together: {found.total.objects:,} objects, {found.total.size:,} bytes")
    lines.append(f"  there already: {found.already_there.objects:,} objects, {found.already_there.size:,} bytes")
    lines += [f"  REFUSED: {count:,} objects. {REFUSALS[code]}" for code, count in found.refused.items()]
    if found.held_by:
        lines.append(f"  REFUSED: run {found.held_by} has rows of this one and is not over.")
    if found.free is not None:
        lines.append(f"  room at the destination: {found.free:,} bytes{'' if found.has_room else ': TOO LITTLE'}")
    lines.append(f"  FAILED: {problem}" if problem else "  the destination takes, gives back and deletes objects")
    return "\n".join(lines)
