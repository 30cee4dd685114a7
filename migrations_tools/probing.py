"""Whether the destination of a run takes, gives back and deletes objects: tried before the run begins."""

from documents.errors import StorageError
from documents.redaction import redacted
from documents.services.probing import Outcome, probe_storage
from documents.wiring import store_itself
from migrations_tools.models import MigrationRun
from migrations_tools.states import RunKind


def probe(run: MigrationRun) -> str:
    """Write, read and delete objects of its own at the destination. Returns what failed, redacted, or "".

    Of a run that copies nothing there, the destination is asked for an object alone.
    """
    try:
        if run.kind != RunKind.COPY:
            demand_answer(run)
            return ""
        findings = probe_storage(store_itself(run.destination), thorough=False)
        failed = [
            f"{found.probe}: {found.detail}. {found.hint}" for found in findings if found.outcome is Outcome.FAILED
        ]
    except StorageError as error:
        return redacted(str(error))
    return redacted("; ".join(failed))


def demand_answer(run: MigrationRun) -> None:
    """Ask the destination whether it has an object that nobody wrote. Raises StorageError where it does not say."""
    store_itself(run.destination).exists("check/whether-it-answers")
