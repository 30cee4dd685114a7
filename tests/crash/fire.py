"""What strikes a vault at work: processes killed by lot, until all kills are spent.

The numbers of a long test are its own, or those of TEST_DOCUMENTS, TEST_KILLS and TEST_READERS. What is drawn by lot
follows from one seed, which is printed; TEST_SEED gives it again. When a kill strikes, the machine decides.
"""

import os
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from sysconfig import get_path

from tests.crash.installation import Installation
from tests.crash.moving import Moving
from tests.crash.people import People
from tests.crash.processes import Process
from tests.crash.site import BEAT, CHILD, PREFORK, SOLO, WEB, Site

COMMAND = "command"
IN_PARTS = 9_000_000  # bytes
# Most of them at what does the work.
VICTIMS = (COMMAND, COMMAND, SOLO, SOLO, PREFORK, CHILD, CHILD, WEB, BEAT)


@dataclass(frozen=True)
class Scale:
    """``pause`` is in seconds, between two acts of one person."""

    documents: int
    kills: int
    readers: int
    pause: float


def asked_for(scale: Scale) -> Scale:
    """The scale, with what the environment says instead."""
    return Scale(
        documents=int(os.environ.get("TEST_DOCUMENTS", scale.documents)),
        kills=int(os.environ.get("TEST_KILLS", scale.kills)),
        readers=int(os.environ.get("TEST_READERS", scale.readers)),
        pause=scale.pause,
    )


def seed_of_test() -> int:
    """Print it, so that the test can be had again."""
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")  # noqa: T201
    return seed


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


@dataclass
class Fire:
    """Commands that come to their good end, and what is killed while they last: they, or somebody of the site."""

    moving: Moving
    random: Random
    kills: int
    killed: Counter[str] = field(default_factory=Counter)

    def strike(self, site: Site, command: Process, again: Callable[[], Process]) -> None:
        """Until the command is over; one that was killed is begun or resumed by ``again``."""
        while self.kills and command.wait(self.random.uniform(0.1, 1.0)) is None:
            self.kills -= 1
            victim = self.random.choice(VICTIMS)
            if victim == COMMAND:
                command.kill()
                self.killed[COMMAND] += 1
                command = again()
            else:
                site.kill(victim, self.random)
        assert command.wait(1800) == 0, command.log.read_text()
