"""Connections by the hundred: who does nothing with his takes none from those who work."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from documents.conf.addresses import TlsAddress
from documents.errors import KeyServiceUnavailable
from documents.keyservice import wire
from documents.keyservice.answering import LONGEST_DELAY
from documents.keyservice.dialling import dial
from documents.keyservice.serving import ARRIVALS, ARRIVALS_EACH
from documents.keyservice.wire import Frame, open_frame
from tests.keyservice.certificates import Authority
from tests.keyservice.envelopes import request_for
from tests.keyservice.serving import Service, comes_true, tls_service, unwrap_service
from tests.services.processes import HOST

KEKS = Frame(wire.KEKS)


def asked(connection: socket.socket, frame: Frame = KEKS) -> Frame | None:
    wire.send(connection, frame, seconds=20)
    return wire.receive(connection, largest=1_000, seconds=20)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Service]:
    """A service with room for eight connections, six of them for one user."""
    with unwrap_service(tmp_path, VAULT_UNWRAP_CONNECTIONS="8", VAULT_UNWRAP_RATE="1", VAULT_UNWRAP_BURST="80") as one:
        yield one


def test_idle_connections_keep_nobody_out(small: Service) -> None:
    with ExitStack() as open_ones:
        client = small.client()
        for _ in range(40):
            connection = open_ones.enter_context(closing(dial(small.address, seconds=20)))
            answer = asked(connection)
            assert answer is not None
            assert answer.code == wire.GIVEN
        assert client.kek_ids()
    assert '"idle_connection_ended_for_another"' in small.log.read_text()


def test_a_kept_connection_that_gave_way_is_made_anew(small: Service) -> None:
    clients = [small.client() for _ in range(10)]

    assert all(client.kek_ids() for _ in range(3) for client in clients)


def test_when_all_are_at_work_it_says_so(small: Service) -> None:
    half = wire.LARGEST_REQUEST.to_bytes(4, "big")
    with ExitStack() as open_ones:
        for _ in range(6):
            connection = open_ones.enter_context(closing(dial(small.address, seconds=20)))
            connection.sendall(b"VU\x01\x02" + half)  # the first request of each is on its way
        with pytest.raises(KeyServiceUnavailable, match="no room for another connection"):
            small.client().kek_ids()
    assert '"no_room"' in small.log.read_text()
    assert comes_true(lambda: bool(small.client().kek_ids())), "they are gone"


def test_refused_requests_come_late_and_are_counted(small: Service) -> None:
    frame = open_frame(request_for())
    with ExitStack() as open_ones:
        connections = [open_ones.enter_context(closing(dial(small.address, seconds=20))) for _ in range(4)]
        codes = list[int]()
        while codes.count(wire.LIMITED) < 12:
            for connection in connections:
                wire.send(connection, frame, seconds=20)
            answers = [wire.receive(connection, largest=100, seconds=20) for connection in connections]
            codes += [answer.code for answer in answers if answer]
        question = asked(open_ones.enter_context(closing(dial(small.address, seconds=20))))
        assert question is not None
        assert question.code == wire.GIVEN, "to ask for the KEKs is limited by itself"

    def counted() -> int:
        return sum(line["count"] for line in small.lines() if line["outcome"] == "limited")

    assert comes_true(lambda: counted() == codes.count(wire.LIMITED))
    limited = [line for line in small.lines() if line["outcome"] == "limited"]
    assert len(limited) <= codes.count(wire.LIMITED) * LONGEST_DELAY / 4 + 2
    assert {name for line in limited for name in line} == {"at", "peer", "count", "outcome"}


def test_questions_for_the_keks_are_limited(small: Service) -> None:
    with closing(dial(small.address, seconds=20)) as connection:
        codes = {answer.code for answer in (asked(connection) for _ in range(90)) if answer}

    assert codes == {wire.GIVEN, wire.LIMITED}


def test_what_was_counted_is_written_down_at_the_end(tmp_path: Path) -> None:
    with unwrap_service(tmp_path, VAULT_UNWRAP_RATE="1", VAULT_UNWRAP_BURST="1") as service:
        frame = open_frame(request_for())
        with closing(dial(service.address, seconds=20)) as connection:
            began = time.monotonic()
            answers = [asked(connection, frame) for _ in range(4)]
            assert time.monotonic() - began >= LONGEST_DELAY
    limited = [answer for answer in answers if answer and answer.code == wire.LIMITED]
    assert len(limited) >= 2
    assert sum(line.get("count", 0) for line in service.lines()) == len(limited)


def test_who_never_shows_a_certificate_keeps_nobody_out(tmp_path: Path) -> None:
    count = ARRIVALS_EACH + 40
    assert count < ARRIVALS
    with tls_service(tmp_path, Authority(tmp_path), VAULT_UNWRAP_CONNECTIONS="4") as service, ExitStack() as open_ones:
        assert isinstance(service.address, TlsAddress)
        place = (HOST, service.address.port)
        silent = [open_ones.enter_context(socket.create_connection(place, timeout=20)) for _ in range(count)]
        for _ in range(20):
            with closing(service.client()) as client:
                assert client.kek_ids()
        assert silent[0].recv(1) == b"", "the first ones had to give way"
        lines = service.log.read_text().splitlines()
    assert len(lines) < 20
    assert any('"arrival_ended_for_another"' in line for line in lines)


def test_without_a_thread_for_it_a_connection_is_closed_and_the_service_goes_on(tmp_path: Path) -> None:
    with unwrap_service(tmp_path) as service:
        pid = service.process.pid
        used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
        before = resource.prlimit(pid, resource.RLIMIT_AS, (used + 2**20, -1))  # a stack takes 8 MiB
        try:
            with pytest.raises(KeyServiceUnavailable):
                service.client().kek_ids()
            assert comes_true(lambda: '"no_thread"' in service.log.read_text())
        finally:
            resource.prlimit(pid, resource.RLIMIT_AS, before)
        assert service.client().kek_ids()
