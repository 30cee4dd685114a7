"""Each task of upkeep, delivered at once, again and late: one end state."""

from collections.abc import Callable

import pytest
from django.db.models import Count

from documents.models import Attachment, AuditEvent, UpkeepFinding, UpkeepRun, UpkeepShare
from documents.services.actors import Actor
from documents.upkeep import tasks
from documents.upkeep.rewrap import begin_rewrapping
from documents.wiring import storage_provider
from tests.conftest import Store
from tests.parallel import in_parallel
from tests.upkeep.rotating import make_primary
from vault.celery import app

DELIVERIES: dict[str, Callable[[UpkeepRun], object]] = {
    "documents.upkeep.tasks.work_on_run": lambda run: tasks.work_on_run(run.pk),
    "documents.upkeep.tasks.sweep_runs": lambda _run: tasks.sweep_runs(),
    "documents.upkeep.tasks.scrub": lambda _run: tasks.scrub(),
}


def end_state() -> dict[str, object]:
    """All that runs leave behind, but for times, and for who did how much."""
    rows = Attachment.objects.order_by("pk").values("pk", "key_block", "kek_id", "recipients")
    audited = AuditEvent.objects.order_by().values_list("action").annotate(count=Count("pk"))
    return {
        "runs": list(UpkeepRun.objects.order_by("pk").values("kind", "state", "total", "round", "note")),
        "shares": list(UpkeepShare.objects.order_by("pk").values("scope", "lease", "in_flight", "seen", "changed")),
        "findings": UpkeepFinding.objects.count(),
        "rows": [{**row, "key_block": bytes(row["key_block"])} for row in rows],
        "audit": dict(audited),
        "objects": sorted(info.key for info in storage_provider().iter_locations()),
    }


def test_every_task_of_upkeep_is_repeated_here() -> None:
    assert set(DELIVERIES) == {name for name in app.tasks if name.startswith("documents.upkeep.")}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("name", DELIVERIES)
def test_a_task_delivered_ten_times_at_once_and_late_ends_where_one_ends(
    name: str, store: Store, new_primary: str, operator: Actor
) -> None:
    for number in range(4):
        store(b"%d" % number)
    make_primary(new_primary)
    run = begin_rewrapping(operator, workers=3)

    in_parallel(lambda: DELIVERIES[name](run))

    tasks.sweep_runs()  # whoever was too late left the rest to the others, or to the sweeper
    ended = end_state()
    assert {row["kek_id"] for row in ended["rows"]} == {new_primary}  # type: ignore[attr-defined]
    assert UpkeepRun.objects.filter(kind=UpkeepRun.Kind.REWRAP).get().state == "succeeded"
    for _ in range(3):
        DELIVERIES[name](run)
    assert end_state() == ended
