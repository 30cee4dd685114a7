"""``python -m tests.browser.moving``: somebody's documents, and a worker for runs that does as much as it is told.

The first line of its standard input is a new person's name and how many documents they have; it stores them and says
"ready". Each further line is a run's number and a time in seconds: it works on the run for about so long, and says how
many items are over.
"""

import sys
from datetime import timedelta

import django


def main() -> None:
    django.setup()
    from django.contrib.auth.models import User  # noqa: PLC0415  # only after setup

    from documents.services.object_storage import ObjectStorageService  # noqa: PLC0415
    from migrations_tools.models import MigrationItem  # noqa: PLC0415
    from migrations_tools.runner import work_on  # noqa: PLC0415
    from migrations_tools.states import ItemState  # noqa: PLC0415

    name, count = sys.stdin.readline().split()
    service = ObjectStorageService(User.objects.create_user(name))
    for number in range(int(count)):
        service.store([b"%PDF"], filename=f"{number}.pdf", content_type="application/pdf")
    _say("ready")
    for line in iter(sys.stdin.readline, ""):
        run, seconds = line.split()
        work_on(int(run), longest=timedelta(seconds=float(seconds)))
        _say(str(MigrationItem.objects.filter(run=run).exclude(state=ItemState.PENDING).count()))


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
