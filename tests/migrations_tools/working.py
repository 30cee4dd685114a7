"""What tests of workers do: make runs for them, deliver their messages, and have them fall silent."""

from typing import Any

from documents.models.clock import database_now
from migrations_tools import control, tasks
from migrations_tools.models import MigrationRun
from migrations_tools.workers import SILENT, Place
from tests.migrations_tools.moving import OPERATOR, Stores


def new_run(stores: Stores, **options: Any) -> MigrationRun:
    return control.create(MigrationRun(destination=stores.there, **options), OPERATOR)


def fall_silent(run: MigrationRun) -> None:
    run.places.update(seen_at=database_now() - SILENT)


def deliver(place: Place) -> None:
    tasks.work_on_run(place.run_id, place.number, place.ticket)
