"""How fast a run works, changed after it was made: what may take the whole line at night leaves room by day."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from documents.services import audit
from documents.services.actors import Actor
from migrations_tools.errors import MigrationRefused
from migrations_tools.models import MigrationRun, MigrationWorker
from migrations_tools.states import UNFINISHED


@dataclass(frozen=True, slots=True)
class Speed:
    """Settings of a MigrationRun, in its units; None leaves one as it is."""

    bandwidth: int | None = None
    workers: int | None = None
    threads: int | None = None
    batch_size: int | None = None

    @property
    def wished(self) -> dict[str, int]:
        """What is to be changed, by the names of the run's fields."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def adjust(run: MigrationRun, speed: Speed, actor: Actor) -> None:
    """Change the run's settings, and audit what each was and is. Nothing happens where nothing is wished for.

    A Celery worker goes by them from its next stretch on (``tasks.STRETCH``), a process that works alone once it is
    begun again. Workers beyond a smaller number stop at once. Raises MigrationRefused where the run is over.
    """
    if not speed.wished:
        return
    with transaction.atomic(durable=True):
        row = MigrationRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
        if row.state not in UNFINISHED:
            raise MigrationRefused(f"Run {run.pk} is {row.state}: nothing of it can be changed.")
        MigrationRun.objects.filter(pk=run.pk).update(**speed.wished)
        if speed.workers is not None:
            MigrationWorker.objects.filter(run=run, number__gte=speed.workers).delete()
        changes: dict[str, Any] = {f"{name}_before": getattr(row, name) for name in speed.wished} | speed.wished
        audit.record("migration.changed", actor, run=run.pk, kind=row.kind, destination=row.destination, **changes)
    run.refresh_from_db()
