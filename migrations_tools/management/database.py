"""What the command says of a database that does not answer, or that the vault's tables are not in."""

from documents.management.database import lacks_tables
from documents.redaction import redacted


def words_of(error: Exception, run_id: int | None) -> str:
    """Return what happened and what to do, in one line. ``run_id`` is None where there was no run yet."""
    if lacks_tables():
        return "The database has not all of the vault's tables. Run: manage.py migrate"
    said = redacted(str(error).partition("\n")[0].rstrip("."))
    if run_id is None:
        return f"The database does not answer: {said}. Nothing was moved. Try again once it does."
    return (
        f"The database does not answer: {said}. What run {run_id} moved stays moved, and no row names what was not "
        f"verified. Once it answers, go on with: manage.py migrate_documents_to_storage --resume {run_id}"
    )
