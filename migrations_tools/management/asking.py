"""What the command asks before a run begins: whether to delete, and whether to begin without the room for it."""

from django.core.management.base import OutputWrapper

from documents.management.asking import demand_typed
from migrations_tools.models import MigrationRun
from migrations_tools.preview import Preview, free_room, preview
from migrations_tools.states import RunKind


def ask_before(run: MigrationRun, stderr: OutputWrapper, *, is_asked: bool) -> None:
    """Tell what a run that purges deletes, and what a run has no room for, and have it confirmed by a typed word.

    Without ``is_asked`` it is told and not asked. Raises CommandError where it was not confirmed.
    """
    if run.kind == RunKind.VERIFY or (run.kind == RunKind.COPY and free_room(run) is None):
        return
    found = preview(run)
    if run.kind == RunKind.PURGE and is_asked:
        demand_typed("purge", f"{_deleted(found)} Type 'purge' to go on:", stderr)
    elif not found.has_room:
        short = (
            f"{run.destination!r} has room for {found.free:,} bytes, and {found.needed:,} are to be copied. The run "
            "stands still where the room ends, and goes on with --resume. --limit moves a part."
        )
        if is_asked:
            demand_typed("begin", f"{short} Type 'begin' to go on:", stderr)
        else:
            stderr.write(short)


def _deleted(found: Preview) -> str:
    return (
        f"{found.total.objects:,} objects ({found.total.size:,} bytes) are deleted at their sources, each after "
        f"its copy in {found.destination!r} was verified again."
    )
