"""Killed at random times under load: every acknowledged upload is there, nothing else stays."""

import os
import random
import threading
import time

import httpx
import pytest

from tests.crash.client import Person
from tests.crash.installation import SWEEPS, Installation, forgetting
from tests.crash.processes import Web, web_server

UPLOADERS = 4
# Bytes: one chunk, several chunks, several parts.
SIZES = (0, 1000, 600_000, 9_000_000)


def test_a_few_random_kills_lose_nothing(installation: Installation) -> None:
    _kill_at_random(installation, cycles=10)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_thousand_random_kills_lose_nothing(installation: Installation) -> None:
    _kill_at_random(installation, cycles=1000)


def _kill_at_random(installation: Installation, *, cycles: int) -> None:
    person, unanswered = forgetting(installation.person), set[str]()
    with web_server(installation.processes) as web, person.client(web.url) as client:
        before = person.listed(client)
    for cycle in range(cycles):
        with web_server(installation.processes) as web:
            sweeper = installation.processes.start("task", names=SWEEPS * 20)
            # In every other cycle at least one upload gets through, however slow the machine.
            _upload_until_killed(web, person, at_least=cycle % 2)
            sweeper.kill()
    with web_server(installation.processes) as web, person.client(web.url) as client:
        unanswered = person.listed(client) - before - set(person.acknowledged)
        for document, digest in person.acknowledged.items():
            assert person.digest_of_stored(client, document) == digest
        for document in unanswered:
            assert person.digest_of_stored(client, document) in person.attempted
    print(f"{cycles} kills: {len(person.acknowledged)} acknowledged, {len(unanswered)} committed but unanswered")  # noqa: T201  # the figures of a long run
    # One request of each uploader can be in its last step when the process dies.
    assert len(unanswered) <= cycles * UPLOADERS
    assert len(person.acknowledged) >= cycles // 2
    assert installation.leftovers_after_grace() == {}


def _upload_until_killed(web: Web, person: Person, *, at_least: int) -> None:
    wanted = len(person.acknowledged) + at_least
    uploaders = [threading.Thread(target=_upload, args=(web.url, person)) for _ in range(UPLOADERS)]
    for uploader in uploaders:
        uploader.start()
    time.sleep(random.uniform(0.1, 1.2))  # noqa: S311  # a time, not a secret
    deadline = time.monotonic() + 30
    while len(person.acknowledged) < wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    web.kill()
    for uploader in uploaders:
        uploader.join(60)
    assert not any(uploader.is_alive() for uploader in uploaders)


def _upload(url: str, person: Person) -> None:
    """Upload until the connection breaks. An answer that refuses is no acknowledgement: a sweeper may be faster."""
    with person.client(url) as client:
        while True:
            try:
                person.upload(client, os.urandom(random.choice(SIZES)))  # noqa: S311
            except httpx.TransportError:
                return
            except AssertionError as refused:
                assert "upload-not-found" in str(refused), refused  # noqa: PT017
