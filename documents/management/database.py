"""What a command says of a database that cannot be used: it does not answer, or the vault's tables are not in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from documents.redaction import redacted


def lacks_tables() -> bool:
    """Whether a schema migration was not applied. False too where the database does not answer."""
    try:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except (DatabaseError, InterfaceError):
        return False


@contextmanager
def database_told(afterwards: str = "") -> Iterator[None]:
    """End a command with one line and exit status 1 where the database cannot be used. Decorates ``handle`` as well.

    ``afterwards`` is what to do once it answers again. Raises CommandError.
    """
    try:
        yield
    except (DataError, IntegrityError):  # it answered: what was asked for is wrong
        raise
    except (DatabaseError, InterfaceError) as error:
        raise CommandError(_words_of(error, afterwards), returncode=1) from error


def _words_of(error: Exception, afterwards: str) -> str:
    # Where there is no connection, to ask for the tables is to wait for one once more.
    if connection.connection is not None and connection.is_usable() and lacks_tables():
        return "The database has not all of the vault's tables. Run: manage.py migrate"
    said = redacted(str(error).partition("\n")[0].rstrip("."))
    return f"The database cannot be used: {said}. Start it, or correct DATABASE_URL. {afterwards}".rstrip()
