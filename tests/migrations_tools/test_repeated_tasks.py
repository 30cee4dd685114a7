"""Each task of migration, delivered at once, again and late: one end state."""

from collections.abc import Callable

import pytest
from django.db.models import Count

from documents.models import Attachment, AuditEvent
from migrations_tools import tasks
from migrations_tools.models import MigrationItem, MigrationReport, MigrationRun, MigrationWorker
from migrations_tools.workers import Place, free_places
from tests.conftest import Store
from tests.migrations_tools.moving import Stores, is_whole, outcomes
from tests.migrations_tools.working import deliver, fall_silent, new_run
from tests.parallel import in_parallel
from vault.celery import app


def end_state() -> dict[str, object]:
    """All that a run leaves behind, but for times, and for who did how much of it."""
    runs = MigrationRun.objects.values("state", "planned_items", "already_there", "note")
    items = MigrationItem.objects.order_by("object_id").values(
        *("run", "object_id", "state", "code", "detail", "lease", "holds_row", "source_state", "destination_path")
    )
    audited = AuditEvent.objects.filter(action__startswith="migration.").values("action")
    return {
        "runs": list(runs.order_by("pk")),
        "items": list(items),
        "rows": list(Attachment.objects.order_by("pk").values("pk", "storage_type", "storage_path")),
        "audit": {row["action"]: row["count"] for row in audited.order_by().annotate(count=Count("pk"))},
        "places": MigrationWorker.objects.count(),
        "reports": MigrationReport.objects.count(),
    }


DELIVERIES: dict[str, Callable[[Place], object]] = {
    "migrations_tools.tasks.work_on_run": deliver,
    "migrations_tools.tasks.sweep_runs": lambda _place: tasks.sweep_runs(),
}


def test_every_task_of_migration_is_repeated_here() -> None:
    assert set(DELIVERIES) == {name for name in app.tasks if name.startswith("migrations_tools.")}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times", [2, 10])
@pytest.mark.parametrize("name", DELIVERIES)
def test_a_task_delivered_at_once_and_again_and_late_ends_where_one_ends(
    stores: Stores, store: Store, name: str, times: int
) -> None:
    rows = [store(f"{number}".encode()).current_attachment() for number in range(4)]
    run = new_run(stores, workers=2, batch_size=2, threads=2)
    [place, *_] = free_places(run) if name.endswith("work_on_run") else [Place(run.pk, 0, "")]

    in_parallel(lambda: DELIVERIES[name](place), times)

    # Whoever was too late left the rest to the others, or to the sweeper.
    fall_silent(run)
    tasks.sweep_runs()
    ended = end_state()
    assert outcomes(run) == {"done": 4}
    assert ended["audit"] == dict.fromkeys(("migration.created", "migration.begun", "migration.succeeded"), 1)
    assert ended["reports"] == 1
    assert all(is_whole(row) for row in rows)
    for _ in range(times):
        DELIVERIES[name](place)
    assert end_state() == ended
