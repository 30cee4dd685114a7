"""The one clock that leases and expiries go by: the database's."""

from datetime import UTC, datetime

from django.db import connection
from django.db.models.functions import Now
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler


def database_now() -> datetime:
    """Return the database's present time, aware, in UTC. Processes whose own clocks differ still agree on it."""
    sql, params = SQLCompiler(Query(None), connection, using=None).compile(Now())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", params)
        return _aware(cursor.fetchone()[0])


def _aware(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value  # SQLite answers with text
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
