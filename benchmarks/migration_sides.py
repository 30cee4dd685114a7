"""``python -m benchmarks.migration_sides ROUNDS``: fill the configured vault, and move it to S3 again and again.

Prints a line of JSON for each figure. Celery workers are up; the database, the bucket and the stores are those of the
environment. What is put back between two rounds is not counted.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

import django

from benchmarks.figure import Goal, Options, Side
from benchmarks.migration import AWS, BUCKET, INLINE, RCLONE, WORKERS
from benchmarks.migration_peers import Peers
from benchmarks.programs import ProgramMissing
from benchmarks.rounds import compare

if TYPE_CHECKING:
    from documents.storage.s3 import S3Provider
    from documents.storage.s3_bucket import S3Bucket
    from migrations_tools.models import MigrationRun

DOCUMENTS = 1000
SIZE = 100 * 1024
_NUMBERS = count()
_LONGEST = 300  # seconds of one side


def main() -> int:
    django.setup()
    _fill()
    peers = Peers(Path(os.environ["LOCAL_STORAGE_PATH"]) / "documents", BUCKET)
    rclone = _peer(lambda prefix: peers.rclone(prefix, at_once=_at_once()))
    pairs = ((AWS, by_workers, _peer(peers.aws)), (RCLONE, by_workers, rclone), (INLINE, inline, _peer(peers.aws)))
    options = Options(int(sys.argv[1]))
    for figure, ours, peer in pairs:
        try:
            found = compare(figure, ours, peer, unit="objects/s", goal=Goal(1, "ratio at least"), options=options)
        except ProgramMissing as error:
            _tell(figure=figure, reason=str(error))
        else:
            _tell(figure=figure, ours=found.ours, peer=found.peer, unit=found.unit)
    return 0


def _tell(**line: object) -> None:
    print(json.dumps(line), flush=True)


def _fill() -> None:
    """Real documents: sealed, stored on the local disk, confirmed."""
    from django.contrib.auth.models import User  # noqa: PLC0415  # models exist after django.setup()

    from documents.services.object_storage import ObjectStorageService  # noqa: PLC0415

    service = ObjectStorageService(User.objects.get())
    for number in range(DOCUMENTS):
        service.store([os.urandom(SIZE)], filename=f"document {number}.pdf", content_type="application/pdf")
    _bucket().client.create_bucket(Bucket=BUCKET)


def _bucket() -> "S3Bucket":
    """Of the vault."""
    from documents.storage.forwarding import undecorated  # noqa: PLC0415
    from documents.wiring import store_itself  # noqa: PLC0415

    return cast("S3Provider", undecorated(store_itself("s3"))).bucket


def _empty_bucket() -> None:
    client = _bucket().client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        if entries := page.get("Contents", ()):
            client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": entry["Key"]} for entry in entries]})


def _at_once() -> int:
    """As many as the vault's workers have in work."""
    from migrations_tools.models import MigrationRun  # noqa: PLC0415

    return WORKERS * MigrationRun(destination="s3").threads


def _peer(copy: Callable[[str], None]) -> Side:
    def side() -> float:
        started = time.perf_counter()
        copy(f"peer-{next(_NUMBERS)}/")
        rate = DOCUMENTS / (time.perf_counter() - started)
        _empty_bucket()
        return rate

    return side


def by_workers() -> float:
    """Objects a second, from the operator's order to the run's end."""
    from migrations_tools import tasks  # noqa: PLC0415
    from migrations_tools.models import MigrationReport  # noqa: PLC0415

    def work(run: "MigrationRun") -> None:
        tasks.wake(run)
        _await(lambda: not type(run).objects.filter(pk=run.pk, finished_at=None).exists())

    rate, run = _moved(work)
    _await(lambda: MigrationReport.objects.filter(run=run).exists())
    _put_back()
    return rate


def inline() -> float:
    from migrations_tools.runner import work_on  # noqa: PLC0415

    rate, _run = _moved(lambda run: work_on(run.pk))
    _put_back()
    return rate


def _moved(work: "Callable[[MigrationRun], object]") -> "tuple[float, MigrationRun]":
    from documents.services.actors import SYSTEM  # noqa: PLC0415
    from migrations_tools import control  # noqa: PLC0415
    from migrations_tools.models import MigrationRun  # noqa: PLC0415

    started = time.perf_counter()
    run = control.create(MigrationRun(destination="s3", workers=WORKERS), SYSTEM)
    work(run)
    rate = DOCUMENTS / (time.perf_counter() - started)
    run.refresh_from_db()
    assert (run.state, run.items.filter(state="done").count()) == ("succeeded", DOCUMENTS)
    return rate, run


def _put_back() -> None:
    from documents.models import Attachment  # noqa: PLC0415
    from migrations_tools.models import MigrationRun  # noqa: PLC0415

    Attachment.objects.update(storage_type="local")
    MigrationRun.objects.all().delete()
    _empty_bucket()


def _await(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + _LONGEST
    while not is_so():
        assert time.monotonic() < until, "no worker is at it"
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
