"""Giving a database connection back while a person's line is the slow part."""

from django.db import connection


def release_connection() -> None:
    """Close this thread's connection unless a transaction is open; Django opens another where one is needed.

    A database takes a hundred connections or so, and a transfer may last for hours: it holds none meanwhile.
    """
    if not connection.in_atomic_block:
        connection.close()
