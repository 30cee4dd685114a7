"""Large documents and slow clients: memory that does not grow, and a vault that still answers."""

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.crash.client import API
from tests.crash.installation import Installation, embedded_installation, forgetting
from tests.crash.processes import Web, web_server
from tests.crash.wire import connect, post, settled_leftovers

MIB = 1024 * 1024
PIECE = os.urandom(MIB)
# What a server may grow by, whatever the size of a document.
ALLOWED_GROWTH = 64 * MIB
SLOW_CLIENTS = 200


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with embedded_installation(tmp_path_factory.mktemp("load"), VAULT_MAX_UPLOAD_SIZE=str(20 * 1024 * MIB)) as found:
        yield found


def test_half_a_gibibyte_up_and_down_takes_little_memory(vault: Installation) -> None:
    _up_and_down(vault, size=512 * MIB)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_gibibytes_up_and_down_take_little_memory(vault: Installation) -> None:
    _up_and_down(vault, size=10 * 1024 * MIB)


def _up_and_down(vault: Installation, *, size: int) -> None:
    person = forgetting(vault.person)
    with web_server(vault.processes) as web, person.client(web.url) as client:
        person.upload(client, b"what every first request loads")
        before = _peak_memory(web)
        headers = {"X-Filename": "large.bin", "Content-Length": str(size)}
        answer = client.post(API, content=(PIECE for _ in range(size // MIB)), headers=headers)
        assert answer.status_code == 201, answer.text
        with client.stream("GET", f"{API}/{answer.json()['id']}/content") as download:
            received = hashlib.sha256()
            for piece in download.iter_raw(MIB):
                received.update(piece)
        assert received.hexdigest() == answer.json()["sha256"] == _digest(size)
        assert _peak_memory(web) - before < ALLOWED_GROWTH
        assert client.delete(f"{API}/{answer.json()['id']}").status_code == 204


def _digest(size: int) -> str:
    whole = hashlib.sha256()
    for _piece in range(size // MIB):
        whole.update(PIECE)
    return whole.hexdigest()


def _peak_memory(web: Web) -> int:
    """Bytes that the worker ever had resident."""
    status = Path(f"/proc/{web.worker().pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_two_hundred_slow_uploads_hold_up_nobody(vault: Installation) -> None:
    person = forgetting(vault.person)
    with web_server(vault.processes) as web, ExitStack() as slow, person.client(web.url) as client:
        person.upload(client, b"what every first request loads")
        before = _peak_memory(web)
        uploads = [slow.enter_context(connect(web.port)) for _ in range(SLOW_CLIENTS)]
        for upload in uploads:
            upload.sendall(post(vault.person.token, "Content-Length: 100000") + b"x" * 1000)
        for _second in range(3):
            _trickle(uploads)
            started = time.monotonic()
            httpx.get(f"{web.url}/healthz", timeout=20).raise_for_status()
            person.upload(client, b"meanwhile")
            assert time.monotonic() - started < 10
        assert _peak_memory(web) - before < 4 * ALLOWED_GROWTH
        slow.close()
        assert settled_leftovers(vault, seconds=30) == {}


def _trickle(uploads: list[socket.socket]) -> None:
    for upload in uploads:
        upload.sendall(b"x")
    time.sleep(0.5)
