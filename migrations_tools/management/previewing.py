"""The plan of a run, for people and for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from migrations_tools.plan import REFUSALS
from migrations_tools.preview import Preview
from migrations_tools.states import RunKind

# Of the JSON. It grows when a member changes its meaning or goes, not when one is added.
SCHEMA_VERSION = 1
# What is done to the objects of a store.
_DONE = {RunKind.COPY: "from", RunKind.VERIFY: "to be read at", RunKind.PURGE: "to be purged from"}


def preview_as_json(found: Preview, problem: str) -> str:
    """Return the plan as JSON. Sizes are bytes; ``problem`` is what the destination answered, "" if all is well."""
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "kind": found.kind,
            "destination": found.destination,
            "limit": found.limit,
            "total": asdict(found.total),
            "by_store": {store: asdict(amount) for store, amount in found.by_store.items()},
            "largest": found.largest,
            "already_there": asdict(found.already_there),
            "kept_there": asdict(found.kept_there),
            "refused": dict(found.refused),
            "held_by_run": found.held_by,
            "needed_bytes": found.needed,
            "free_bytes": found.free,
            "destination_problem": problem or None,
        },
        indent=2,
    )


def preview_as_text(found: Preview, problem: str) -> str:
    """Return the plan in lines for people; ``problem`` as above."""
    return "\n".join(["A dry run: nothing was changed.", *_amounts(found), *_obstacles(found, problem)])


def _amounts(found: Preview) -> Iterator[str]:
    limit = "" if found.limit is None else f", {found.limit:,} objects at the most"
    yield f"{RunKind(found.kind).label.capitalize()}, destination {found.destination}{limit}:"
    for store, amount in sorted(found.by_store.items()):
        yield f"  {_DONE[RunKind(found.kind)]} {store}: {amount.objects:,} objects, {amount.size:,} bytes"
    yield f"  together: {found.total.objects:,} objects, {found.total.size:,} bytes"
    if found.largest:
        yield f"  the largest: {found.largest:,} bytes"
    if found.kind == RunKind.COPY:
        yield f"  there already: {found.already_there.objects:,} objects, {found.already_there.size:,} bytes"
    if found.kept_there.objects:
        kept = found.kept_there
        yield f"  kept there by an earlier run, compared and not written: {kept.objects:,} objects, {kept.size:,} bytes"


def _obstacles(found: Preview, problem: str) -> Iterator[str]:
    for code, count in found.refused.items():
        yield f"  REFUSED: {count:,} objects. {REFUSALS[code]}"
    if found.held_by:
        yield f"  REFUSED: run {found.held_by} has rows of this one and is not over."
    if found.free is not None:
        short = "" if found.has_room else ": TOO LITTLE"
        yield f"  room at the destination: {found.free:,} bytes for {found.needed:,}{short}"
    if problem:
        yield f"  FAILED: {problem}"
    elif found.kind == RunKind.COPY:
        yield "  the destination takes, gives back and deletes objects"
    else:
        yield "  the destination answers"
