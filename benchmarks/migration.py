"""1,000 documents of 100 KiB from the local disk to RADOS Gateway, against aws and rclone with the same objects.

Every object of the vault is read back and its row switched in PostgreSQL; aws compares nothing, rclone copies first and
reads both sides afterwards (``check --download``).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from benchmarks.figure import Goal, LeftOut, Options, Result
from benchmarks.scratch import scratch
from benchmarks.servers import ROOT, new_vault
from tests.services.environment import of_s3
from tests.services.postgres import postgres
from tests.services.processes import ServerFailed, running
from tests.services.s3_server import s3_server
from tests.services.valkey import valkey

BUCKET = "vault-bench"
WORKERS = 2
AWS, RCLONE = "migrate to S3 against aws s3 cp", "migrate to S3 against rclone copy and check"
INLINE = "migrate to S3, one process, against aws s3 cp"
GOALS = {AWS: 1.5, RCLONE: 1.0, INLINE: 1.0}


def measure(options: Options) -> Iterator[Result | LeftOut]:
    """The vault gets a process of its own, because Django's settings are read once, and its workers one each."""
    with scratch(3 * 1024**3) as directory, ExitStack() as servers:
        try:
            store = servers.enter_context(s3_server())
            if store.kind != "radosgw":
                raise ServerFailed("RADOS Gateway is not installed")
            places = {
                "DATABASE_URL": servers.enter_context(postgres()),
                "CELERY_BROKER_URL": f"{servers.enter_context(valkey())}/0",
                "S3_ENDPOINT_URL": store.endpoint_url,
                "S3_ACCESS_KEY": store.access_key,
                "S3_SECRET_KEY": store.secret_key,
                "S3_BUCKET": BUCKET,
            }
        except ServerFailed as error:
            yield LeftOut("migrate to S3", str(error).splitlines()[0])
            return
        vault = new_vault(directory, places)
        environment = {**os.environ, **vault.environment, **of_s3(store), "PYTHONPATH": str(ROOT)}
        workers = [sys.executable, "-m", "celery", "-A", "vault", "worker", "--concurrency", str(WORKERS)]
        servers.enter_context(running(workers, log=directory / "worker.log", environment=environment))
        yield from _measured(environment, options)


def _measured(environment: Mapping[str, str], options: Options) -> Iterator[Result | LeftOut]:
    """Each figure as soon as the other process has it."""
    command = [sys.executable, "-m", "benchmarks.migration_sides", str(options.rounds)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found = json.loads(line)
            if "reason" in found:
                yield LeftOut(found["figure"], found["reason"])
            else:
                goal = Goal(GOALS[found["figure"]], "ratio at least")
                yield Result(found["figure"], found["ours"], found["peer"], found["unit"], goal)
    assert process.returncode == 0
