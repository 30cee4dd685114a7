"""A migration whose processes are killed at random, with people at work: nothing lost, nothing doubled.

The numbers of the long test are those of ``LONG``, or of TEST_DOCUMENTS, TEST_KILLS and TEST_READERS. What is drawn by
lot follows from one seed, which is printed; TEST_SEED gives it again. When a kill strikes, the machine decides.
"""

import json
import os
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from sysconfig import get_path

import pytest

from tests.crash.installation import SWEEPS, Installation
from tests.crash.leftovers import rows
from tests.crash.moving import Moving, end_grace, newest_run, objects_of_rows, start
from tests.crash.people import People
from tests.crash.scan import assert_every_row_has_its_object, assert_report_tells_the_rows
from tests.crash.site import BEAT, CHILD, PREFORK, SOLO, WEB, Site, kept_up, wait_for

COMMAND = "command"
IN_PARTS = 9_000_000  # bytes
WAITING = ("stagedattachment", "objectremoval")
# Most of them at what moves the objects.
VICTIMS = (COMMAND, COMMAND, SOLO, SOLO, PREFORK, CHILD, CHILD, WEB, BEAT)


@dataclass(frozen=True)
class Scale:
    """``pause`` is in seconds, between two acts of one person."""

    documents: int
    kills: int
    readers: int
    others: int
    pause: float


SHORT = Scale(documents=12, kills=4, readers=3, others=1, pause=0.3)
LONG = Scale(
    documents=int(os.environ.get("TEST_DOCUMENTS", "2000")),
    kills=int(os.environ.get("TEST_KILLS", "200")),
    readers=int(os.environ.get("TEST_READERS", "200")),
    others=1,
    pause=8,
)


def test_a_few_random_kills_lose_nothing(moving: Moving) -> None:
    migrate_under_fire(moving, SHORT)


@pytest.mark.long
@pytest.mark.timeout(14400)
def test_two_hundred_random_kills_lose_nothing(moving: Moving) -> None:
    migrate_under_fire(moving, LONG)


def migrate_under_fire(moving: Moving, scale: Scale) -> None:
    """There and back until all kills are spent, the sources purged in between; then a look at everything."""
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")  # noqa: T201
    vault, fire = moving.vault, Fire(moving, Random(seed), kills=scale.kills)  # noqa: S311
    started = time.monotonic()
    with kept_up(vault) as site:
        people = People(vault.person, site, seed)
        size = upload_files(people, site, Random(seed), scale.documents)  # noqa: S311
        with people.at_work(readers=scale.readers, others=scale.others, pause=scale.pause):
            there, other = moving.there, moving.here
            while fire.is_on or there != moving.there:
                fire.run(site, there)
                end_grace(vault)
                fire.run(site, there, "--purge-source", "--no-input")
                there, other = other, there
        assert people.wrong == []
        with vault.person.client(site.url) as client:
            people.assert_all_is_there(client)
    assert faults_in_logs(vault) == []
    assert wait_for(lambda: not left_to_remove(moving), seconds=60)
    assert_every_row_has_its_object(moving)
    assert set(objects_of_rows(vault)) == {moving.here}
    seconds = round(time.monotonic() - started)
    print(f"{scale.documents} documents, {size:,} bytes, {len(fire.runs)} runs in {seconds} s")  # noqa: T201
    print(f"killed: {dict(fire.killed + site.killed)}; answered: {dict(people.answered)}")  # noqa: T201
    assert (fire.killed + site.killed).total() == scale.kills


def upload_files(people: People, site: Site, random: Random, count: int) -> int:
    """Real files: the interpreter's own, empty ones too; each two hundredth long enough to be put in parts.

    Returns their bytes.
    """
    files = sorted(path for path in Path(get_path("stdlib")).rglob("*") if path.is_file())
    chosen = random.sample(files, count)
    in_parts = set(chosen[199::200])

    def upload(path: Path) -> int:
        content = path.read_bytes()
        if path in in_parts:
            content += bytes(IN_PARTS)
        with people.person.client(site.url) as client:
            people.person.upload(client, content)
        return len(content)

    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(upload, chosen))


def faults_in_logs(vault: Installation) -> list[str]:
    """What Celery says of a task that ended with an error nobody had foreseen."""
    lines = (
        line for log in vault.processes.logs.glob("*.log") for line in log.read_text(errors="replace").splitlines()
    )
    return [line for line in lines if "raised unexpected" in line]


def left_to_remove(moving: Moving) -> bool:
    """What was deleted, and what a killed upload left, is removed by sweeps."""
    vault = moving.vault
    vault.processes.run("task", names=SWEEPS)
    waiting = [rows(vault.database_url, f"SELECT id FROM documents_{table}") for table in WAITING]  # noqa: S608
    return any(waiting) or any(store.unfinished() for store in moving.stores.values())


@dataclass
class Fire:
    """Runs of the command, and what is killed while they last: itself, or somebody of the site."""

    moving: Moving
    random: Random
    kills: int
    killed: Counter[str] = field(default_factory=Counter)
    runs: list[int] = field(default_factory=list)

    @property
    def is_on(self) -> bool:
        return self.kills > 0

    def run(self, site: Site, *arguments: str) -> None:
        """Have one run come to its good end. Its report is compared with an independent count."""
        vault = self.moving.vault
        before, _state = newest_run(vault)
        path = vault.directory / f"report-{len(self.runs)}.json"
        written = ("--format", "json", "--output", str(path))
        begin = (*arguments, "--batch-size", "10", "--threads", "4", *written)
        command = start(vault, *begin)
        while self.kills and command.wait(self.random.uniform(0.1, 1.0)) is None:
            self.kills -= 1
            victim = self.random.choice(VICTIMS)
            if victim == COMMAND:
                command.kill()
                self.killed[COMMAND] += 1
                number, _state = newest_run(vault)
                command = start(vault, *(("--resume", str(number), *written) if number > before else begin))
            else:
                site.kill(victim, self.random)
        assert command.wait(1800) == 0, command.log.read_text()
        number, state = newest_run(vault)
        assert (number > before, state) == (True, "succeeded")
        self.runs.append(number)
        report = json.loads(path.read_text())
        assert report["run"]["id"] == number
        assert_report_tells_the_rows(vault, report)
