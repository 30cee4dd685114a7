"""``python -m benchmarks.growth_rows ROWS``: a vault of so many documents, of which a thousand are moved when asked.

Reads the name of a figure a line from stdin, and answers with microseconds per object. All but the last thousand
documents have been moved before, by the same run. A process of its own, because Django's settings are read once.
"""

import hashlib
import sys
from datetime import timedelta
from time import perf_counter

import django
from django.db.models import F
from django.db.models.functions import Now

from benchmarks.growth import AFTER, BEFORE, MOVING
from benchmarks.many_rows import analyze, fill_documents, plan_documents

TURN = 1000
_BODY = bytes(1024)


def main() -> int:
    django.setup()
    vault = _Vault(int(sys.argv[1]))
    for line in sys.stdin:
        print(vault.move() if line.strip() == MOVING else vault.plan(), flush=True)
    return 0


class _Vault:
    def __init__(self, rows: int) -> None:
        from django.contrib.auth.models import User  # noqa: PLC0415  # models exist after django.setup()

        from documents.models import Attachment  # noqa: PLC0415
        from documents.services.actors import SYSTEM  # noqa: PLC0415
        from documents.wiring import store_itself  # noqa: PLC0415
        from migrations_tools import control  # noqa: PLC0415
        from migrations_tools.models import MigrationRun  # noqa: PLC0415

        owner, digest = User.objects.create(username="bench").pk, hashlib.sha256(_BODY).hexdigest()
        fill_documents(rows, owner=owner, store=BEFORE, size=len(_BODY), digest=digest)
        self.run = control.create(MigrationRun(destination=AFTER), SYSTEM)
        plan_documents(self.run.pk)
        MigrationRun.objects.filter(pk=self.run.pk).update(planned_items=rows, planned_at=Now())
        last = Attachment.objects.order_by("-pk")
        self.last = last[TURN - 1].pk
        self.before_last = last[TURN].pk if rows > TURN else None
        self.moving = Attachment.objects.filter(pk__gte=self.last)
        Attachment.objects.filter(pk__lt=self.last).update(storage_type=AFTER)
        earlier = self.run.items.filter(object_id__lt=self.last)
        earlier.update(state="done", source_state="kept", holds_row=False, attempts=1, finished_at=Now())
        analyze()
        for row in self.moving:
            store_itself(BEFORE).put_bytes(row.storage_path, _BODY)

    def move(self) -> float:
        """Every item that is left; what was moved is put back."""
        from documents.wiring import store_itself  # noqa: PLC0415
        from migrations_tools.runner import work_on  # noqa: PLC0415

        started = perf_counter()
        work_on(self.run.pk, longest=timedelta(minutes=5))
        cost = (perf_counter() - started) / TURN * 1e6
        moved = self.run.items.filter(object_id__gte=self.last)
        assert moved.filter(state="done").count() == TURN
        for row in self.moving:
            store_itself(AFTER).delete(row.storage_path)
        moved.update(state="pending", source_state="", holds_row=True, attempts=0, finished_at=None)
        self.moving.update(storage_type=BEFORE)
        type(self.run).objects.filter(pk=self.run.pk).update(state="queued", finished_at=None)
        return cost

    def plan(self) -> float:
        """The items of the last rows, made again. The count of what is there already, once a run, is left out."""
        from migrations_tools.plan import complete_plan  # noqa: PLC0415

        run = self.run
        run.items.filter(object_id__gte=self.last).delete()
        position = [1, str(self.before_last) if self.before_last else None]
        type(run).objects.filter(pk=run.pk).update(
            planned_at=None, plan_position=position, planned_items=F("planned_items") - TURN
        )
        run.refresh_from_db()
        times = [perf_counter()]
        complete_plan(run, lambda _count: times.append(perf_counter()))
        return (times[1] - times[0]) / TURN * 1e6


if __name__ == "__main__":
    sys.exit(main())
