"""The collector killed at every named place: a document that it moved comes back, what is left over goes."""

import signal
import sqlite3
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from documents.failpoints import NAMES
from tests.crash.installation import Installation, embedded_installation
from tests.crash.leftovers import leftovers
from tests.crash.processes import web_server

# Seconds, and how long to wait for them to be over. The trash waits until a killed collector was started again.
SHORT_WAITS = {"VAULT_COLLECT_GRACE": "1", "VAULT_TRASH_RETENTION": "4"}
WAIT, LONGEST_WAIT = 1.1, 20
COLLECT = ["collect_garbage", "--purge-unknown", "--no-input"]
# As a database is that was restored from another day: no row has the key, nor the id in it; the digits of the id go
# round by one. And as it is once it was put back.
FORGET = (
    "UPDATE documents_attachment SET storage_path = storage_path || '.elsewhere', "
    "id = substr(id, 2) || substr(id, 1, 1)"
)
REMEMBER = (
    "UPDATE documents_attachment SET storage_path = replace(storage_path, '.elsewhere', ''), "
    "id = substr(id, 32) || substr(id, 1, 31)"
)
HOURS_LATER = "UPDATE documents_sighting SET trashed_at = datetime(trashed_at, '-2 hours')"


class Collector:
    """Runs passes; the first that reaches the failpoint dies there, and is run again."""

    def __init__(self, installation: Installation, failpoint: str) -> None:
        self._processes, self._failpoint = installation.processes, failpoint
        self.killed: list[str] = []

    def run(self) -> None:
        if not self.killed:
            armed = {"VAULT_FAILPOINT": self._failpoint}
            process = self._processes.start("command", arguments=COLLECT, environment=armed)
            status, output = process.wait(60), process.log.read_text()
            assert status in (0, -signal.SIGKILL), output
            if status == 0:
                return
            assert f"failpoint {self._failpoint}: killed" in output
            self.killed.append(self._failpoint)
        self._processes.run("command", arguments=COLLECT)


def plant_orphan(installation: Installation) -> Path:
    root = Path(installation.environment["LOCAL_STORAGE_PATH"])
    orphan = root / "documents" / "user_1" / "2026" / "01" / "02" / f"{uuid.uuid4()}.vlt"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"left over")
    return orphan


def change_rows(installation: Installation, statement: str) -> None:
    with closing(sqlite3.connect(installation.database_url.removeprefix("sqlite:///"), timeout=20)) as connection:
        connection.execute(statement)
        connection.commit()


def collect_until_nothing_is_left(collector: Collector, installation: Installation) -> None:
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        collector.run()
        left = leftovers(installation.database_url, installation.store)
        assert "missing objects" not in left
        if not left:
            return
        assert time.monotonic() < deadline, left
        change_rows(installation, HOURS_LATER)
        time.sleep(WAIT)


@pytest.mark.timeout(240)
def test_a_collector_killed_at_any_failpoint_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    with embedded_installation(tmp_path, **SHORT_WAITS) as installation:
        person = installation.person
        with web_server(installation.processes) as web, person.client(web.url) as client:
            document = person.upload(client, b"a payslip" * 100)
        for name in (name for name in NAMES if name.startswith("collect.")):
            collector, orphan = Collector(installation, name), plant_orphan(installation)
            change_rows(installation, FORGET)
            for _look in (1, 2):
                time.sleep(WAIT)
                collector.run()
            # Killed before its deletion, the original waits an hour: another collector may be about to delete it.
            assert orphan.exists() is (name == "collect.row-trashed")
            change_rows(installation, REMEMBER)
            collect_until_nothing_is_left(collector, installation)
            assert collector.killed == [name]
        with web_server(installation.processes) as web, person.client(web.url) as client:
            assert person.digest_of_stored(client, document) == person.acknowledged[document]
