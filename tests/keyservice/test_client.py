"""Connections that a client keeps: how long, through a fork, and which not."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from documents.conf.addresses import UnixAddress
from documents.conf.unwrap_service import unwrap_service_from
from documents.errors import KeyServiceUnavailable
from documents.keyservice import client as asking
from documents.keyservice import wire
from documents.keyservice.answering import Unwrapping
from documents.keyservice.audit import AuditFile
from documents.keyservice.client import UnwrapClient
from documents.keyservice.held_keys import HeldKeys
from documents.keyservice.limits import RateLimits
from documents.keyservice.listening import listener
from documents.keyservice.serving import Serving
from documents.keyservice.wire import Frame
from tests.keyring import write_keys
from tests.keyservice.envelopes import request_for
from tests.keyservice.serving import TIMEOUT, Service, comes_true
from tests.keyservice.test_configuration import environment


def connections(pid: int | str = "self") -> int:
    """Open sockets of a process."""
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += str(entry.readlink()).startswith("socket:")
    return found


def test_a_connection_that_nobody_used_for_long_is_not_kept(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    client = service.client()
    before = connections(service.process.pid)
    assert client.kek_ids()
    assert client.kek_ids()
    assert connections(service.process.pid) == before + 1
    monkeypatch.setattr(asking, "KEPT", -1.0)
    for _ in range(5):
        assert client.kek_ids()
    assert comes_true(lambda: connections(service.process.pid) == before + 1)


def test_a_child_that_was_forked_has_none_of_its_parents_connections(service: Service) -> None:
    before = connections()
    client = service.client()
    assert client.kek_ids()
    assert connections() == before + 1
    child = os.fork()
    if child == 0:
        os._exit(0 if connections() == before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.kek_ids(), "the parent's is as it was"
    assert connections() == before + 1


@contextmanager
def answering_with(directory: Path, frame: Frame) -> Iterator[UnixAddress]:
    """A service that has one answer to everything."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(str(directory / "socket"))
        listening.listen()

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection = listening.accept()[0]
                    with closing(connection):
                        while wire.receive(connection, largest=10_000, seconds=20):
                            wire.send(connection, frame, seconds=20)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield UnixAddress(directory / "socket")
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(20)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (Frame(wire.GIVEN, bytes(31)), "what is no answer"),
        (Frame(wire.GIVEN, bytes(64)), "what is no answer"),
        (Frame(wire.LIMITED, bytes(3)), "what is no answer"),
        (Frame(99), "what is no answer"),
        (Frame(wire.BUSY), "no room for another connection"),
    ],
)
def test_after_a_wrong_answer_a_connection_is_not_kept(tmp_path: Path, frame: Frame, said: str) -> None:
    request = request_for()
    before = connections()
    with answering_with(tmp_path, frame) as address, closing(UnwrapClient(address, timeout=TIMEOUT)) as client:
        with pytest.raises(KeyServiceUnavailable, match=said):
            client.open_dek(request.kek_id, request.wrapped, request.context)
        if frame.code != 99:
            assert comes_true(lambda: connections() == before + 1), "the listening one alone"


@contextmanager
def serving(directory: Path, *, life: timedelta) -> Iterator[UnixAddress]:
    """The service in this process, whose connections live no longer."""
    variables = {
        "VAULT_KEYS_DIR": str(write_keys(directory / "keys")),
        "VAULT_UNWRAP_LISTEN": f"unix:{directory}/socket",
        "VAULT_UNWRAP_AUDIT": "audit",
    }
    config = unwrap_service_from(environment(**variables), directory, own_user=os.getuid())
    assert isinstance(config.address, UnixAddress)
    place = listener(config)
    limits: Callable[[], RateLimits] = lambda: RateLimits(rate=100, burst=100)  # noqa: E731
    with closing(AuditFile(config.audit)) as audit:
        unwrapping = Unwrapping(HeldKeys(config.keys), audit, limits(), limits())
        service = Serving(place, unwrapping, connections=4, timeout=TIMEOUT, idle=TIMEOUT, life=life)
        thread = threading.Thread(target=service.serve)
        thread.start()
        try:
            yield config.address
        finally:
            place.accepting.shutdown(socket.SHUT_RDWR)
            place.close()
            thread.join(20)


def test_a_connection_has_an_end_and_the_next_request_makes_another(tmp_path: Path) -> None:
    life = timedelta(seconds=0.5)
    with serving(tmp_path, life=life) as address, closing(UnwrapClient(address, timeout=TIMEOUT)) as client:
        assert client.kek_ids()
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
            connection.connect(str(address.path))
            wire.send(connection, Frame(wire.KEKS), seconds=20)
            assert wire.receive(connection, largest=1_000, seconds=20)
            assert wire.receive(connection, largest=1_000, seconds=20) is None, "long before it was idle for too long"
        assert client.kek_ids()
