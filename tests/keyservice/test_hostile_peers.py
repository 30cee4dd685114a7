"""Peers that send garbage, nothing, too slowly, too much, or that are somebody else."""

import os
import pwd
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from documents.keyservice import wire
from documents.keyservice.dialling import dial
from documents.keyservice.wire import open_frame
from tests.keyservice.envelopes import request_for
from tests.keyservice.serving import Service, comes_true, unwrap_service

HEADER = struct.Struct(">2sBBI")
GOOD = open_frame(request_for())
WHOLE = HEADER.pack(b"VU", 1, wire.OPEN, len(GOOD.body)) + GOOD.body
GARBAGE = {
    "random bytes": os.urandom(10_000),
    "zeros": bytes(10_000),
    "a request of HTTP": b"GET / HTTP/1.1\r\nHost: vault\r\n\r\n",
    "the start of TLS": bytes.fromhex("16030100a5010000a10303") + bytes(200),
    "another version": HEADER.pack(b"VU", 2, wire.KEKS, 0),
    "an unknown request": HEADER.pack(b"VU", 1, 99, 0),
    "one byte too large": HEADER.pack(b"VU", 1, wire.OPEN, wire.LARGEST_REQUEST + 1),
    "four gibibytes": HEADER.pack(b"VU", 1, wire.OPEN, 0xFFFFFFFF) + bytes(100_000),
    "an empty request to unwrap": HEADER.pack(b"VU", 1, wire.OPEN, 0),
    "no wrapped DEK": HEADER.pack(b"VU", 1, wire.OPEN, 176) + bytes(176),
}


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that waits a second for a frame, and has room for four connections."""
    directory = tmp_path_factory.mktemp("service")
    with unwrap_service(directory, VAULT_UNWRAP_TIMEOUT="1", VAULT_UNWRAP_CONNECTIONS="4") as found:
        yield found


def is_closed(connection: socket.socket, *, seconds: float = 20) -> bool:
    """Whether the other side ends the connection in time, without a word."""
    connection.settimeout(seconds)
    try:
        return connection.recv(100) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def works(service: Service) -> bool:
    """Whether somebody else is answered. A place that was freed this moment may not be seen as free yet."""

    def is_answered() -> bool:
        try:
            answer = service.ask(open_frame(request_for()))
        except (OSError, wire.BrokenFrame):
            return False
        return answer is not None and answer.code == wire.GIVEN

    return comes_true(is_answered)


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_request_ends_the_connection_and_nothing_else(patient: Service, garbage: bytes) -> None:
    with closing(dial(patient.address, seconds=20)) as connection:
        with suppress(ConnectionError):  # it was closed before all of it was sent
            connection.sendall(garbage)
        assert is_closed(connection)
    assert works(patient)


def test_a_request_that_stops_in_the_middle_is_given_up(patient: Service) -> None:
    with closing(dial(patient.address, seconds=20)) as connection:
        connection.sendall(WHOLE[: len(WHOLE) // 2])
        assert works(patient), "others are answered meanwhile"
        assert is_closed(connection)


def test_a_request_that_drips_in_has_no_more_time_than_another(patient: Service) -> None:
    began = time.monotonic()
    with closing(dial(patient.address, seconds=20)) as connection:
        sent = 0
        with suppress(ConnectionError):
            for byte in WHOLE:
                connection.sendall(bytes([byte]))
                sent += 1
                time.sleep(0.05)
    assert sent < len(WHOLE)
    assert time.monotonic() - began < len(WHOLE) * 0.05 / 2


def test_a_user_is_named_by_number_or_by_name(tmp_path: Path) -> None:
    with unwrap_service(tmp_path, VAULT_UNWRAP_USERS=f"4242,{pwd.getpwuid(os.getuid()).pw_name}") as service:
        assert service.client().kek_ids()
