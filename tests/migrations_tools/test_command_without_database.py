"""A database that goes away under the command: one line that says so and how to go on, and exit status 1."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection

from documents.models import Attachment
from migrations_tools.models import MigrationRun
from tests.conftest import Store
from tests.migrations_tools.commanding import migrate
from tests.migrations_tools.moving import Stores

pytestmark = pytest.mark.django_db(transaction=True)
Execute = Callable[..., object]


@contextmanager
def away_from(statement: str) -> Iterator[None]:
    """The database answers until it is sent a statement that begins so, and not once after that."""
    is_away = False

    def execute(execute: Execute, sql: str, params: object, many: bool, context: object) -> object:
        nonlocal is_away
        is_away = is_away or sql.startswith(statement)
        if is_away:
            raise OperationalError("server closed the connection unexpectedly\n\tThis probably means that it is gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


@pytest.mark.parametrize(
    "statement", ['INSERT INTO "migrations_tools_migrationitem"', 'UPDATE "migrations_tools_migrationitem"']
)
def test_while_a_run_is_planned_or_worked_on(stores: Stores, store: Store, statement: str) -> None:
    store()

    with away_from(statement):
        answer = migrate(stores.there, "--inline")

    run = MigrationRun.objects.get()
    assert (answer.status, answer.out) == (1, "")
    assert answer.said == (
        f"The database does not answer: server closed the connection unexpectedly. What run {run.pk} moved stays "
        "moved, and no row names what was not verified. Once it answers, go on with: "
        f"manage.py migrate_documents_to_storage --resume {run.pk}"
    )
    assert Attachment.objects.get().storage_type == stores.here


@pytest.mark.parametrize("arguments", [(), ("--dry-run",), ("--purge-source", "--no-input")])
def test_before_there_is_a_run(stores: Stores, arguments: tuple[str, ...]) -> None:
    with away_from(""):
        answer = migrate(stores.there, *arguments)

    assert answer.status == 1
    assert answer.said.startswith(
        "The database does not answer: server closed the connection unexpectedly. Nothing was"
    )
    assert not MigrationRun.objects.exists()
