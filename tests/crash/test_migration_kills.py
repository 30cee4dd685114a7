"""A migration whose processes are killed at random, with people at work: nothing lost, nothing doubled."""

import json
import time
from dataclasses import dataclass, field
from random import Random

import pytest

from tests.crash.fire import Fire, Scale, asked_for, faults_in_logs, seed_of_test, upload_files
from tests.crash.installation import SWEEPS
from tests.crash.leftovers import rows
from tests.crash.moving import Moving, end_grace, newest_run, objects_of_rows, start
from tests.crash.people import People
from tests.crash.processes import Process
from tests.crash.scan import assert_every_row_has_its_object, assert_report_tells_the_rows
from tests.crash.site import Site, kept_up, wait_for

WAITING = ("stagedattachment", "objectremoval")


SHORT = Scale(documents=12, kills=4, readers=3, pause=0.3)
LONG = asked_for(Scale(documents=2000, kills=200, readers=200, pause=8))


def test_a_few_random_kills_lose_nothing(moving: Moving) -> None:
    migrate_under_fire(moving, SHORT)


@pytest.mark.long
@pytest.mark.timeout(14400)
def test_two_hundred_random_kills_lose_nothing(moving: Moving) -> None:
    migrate_under_fire(moving, LONG)


def migrate_under_fire(moving: Moving, scale: Scale) -> None:
    """There and back until all kills are spent, the sources purged in between; then a look at everything."""
    seed = seed_of_test()
    vault, fire = moving.vault, Migrations(moving, Random(seed), kills=scale.kills)  # noqa: S311
    started = time.monotonic()
    with kept_up(vault) as site:
        people = People(vault.person, site, seed)
        size = upload_files(people, site, Random(seed), scale.documents)  # noqa: S311
        with people.at_work(readers=scale.readers, others=1, pause=scale.pause):
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


def left_to_remove(moving: Moving) -> bool:
    """What was deleted, and what a killed upload left, is removed by sweeps."""
    vault = moving.vault
    vault.processes.run("task", names=SWEEPS)
    waiting = [rows(vault.database_url, f"SELECT id FROM documents_{table}") for table in WAITING]  # noqa: S608
    return any(waiting) or any(store.unfinished() for store in moving.stores.values())


@dataclass
class Migrations(Fire):
    """Runs of the command, by their numbers."""

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

        def again() -> Process:
            number, _state = newest_run(vault)
            return start(vault, *(("--resume", str(number), *written) if number > before else begin))

        self.strike(site, start(vault, *begin), again)
        number, state = newest_run(vault)
        assert (number > before, state) == (True, "succeeded")
        self.runs.append(number)
        report = json.loads(path.read_text())
        assert report["run"]["id"] == number
        assert_report_tells_the_rows(vault, report)
