"""A broker that dies in the middle of a run, with every message in it, and returns."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.installation import Installation, embedded_installation
from tests.crash.moving import SHORT, assert_everything_reads, objects_of_rows, start, stores_file, upload_some
from tests.crash.processes import Process
from tests.services.processes import free_port
from tests.services.valkey import valkey

DOCUMENTS = 12


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def vault(tmp_path: Path, port: int) -> Iterator[Installation]:
    environment = {"VAULT_STORAGE_FILE": str(stores_file(tmp_path)), "CELERY_BROKER_URL": f"redis://127.0.0.1:{port}/0"}
    with embedded_installation(tmp_path, **SHORT, **environment) as installation:
        yield installation


def wait_until_moved(vault: Installation, command: Process, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(objects_of_rows(vault)["archive"]) < count:
        assert time.monotonic() < deadline, command.log.read_text()
        time.sleep(0.05)


def test_a_run_goes_on_while_its_broker_is_away(vault: Installation, port: int) -> None:
    with ExitStack() as broker:
        broker.enter_context(valkey(port))
        upload_some(vault, DOCUMENTS)
        worker = vault.processes.start("worker")
        command = start(vault, "archive", "--bandwidth", "200k", "--threads", "1", "--workers", "1")
        wait_until_moved(vault, command, 1)
    try:
        wait_until_moved(vault, command, 3)
        with valkey(port):
            status = command.wait(120)
    finally:
        worker.kill()

    assert status == 0, command.log.read_text()
    assert len(objects_of_rows(vault)["archive"]) == DOCUMENTS
    assert "Traceback" not in command.log.read_text()
    assert_everything_reads(vault)
