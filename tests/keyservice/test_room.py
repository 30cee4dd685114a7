"""Seats for connections: bounds, who gives way, and what is written down of those who came too often."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from documents.keyservice.room import Room
from documents.keyservice.seldom import EVERY, Seldom


class Hall:
    """A room of four seats, three for one holder, and connections to fill it with."""

    def __init__(self, at_the_end: ExitStack) -> None:
        self._at_the_end = at_the_end
        self.ended: list[str] = []
        self.room = Room(4, 3, on_ended=self.ended.append)

    def connection(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self._at_the_end.callback(ours.close)
        self._at_the_end.callback(theirs.close)
        ours.settimeout(0)
        return ours


@pytest.fixture
def hall() -> Iterator[Hall]:
    with ExitStack() as at_the_end:
        yield Hall(at_the_end)


def is_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False


def test_who_rested_longest_gives_way(hall: Hall) -> None:
    connections = [hall.connection() for _ in range(4)]
    seats = [hall.room.take(one, f"peer-{number}", works=False) for number, one in enumerate(connections)]
    assert seats[0]
    assert hall.room.begin_work(seats[0])
    hall.room.rest(seats[0])

    assert hall.room.take(hall.connection(), "another", works=True)

    assert [is_ended(one) for one in connections] == [False, True, False, False]
    assert hall.ended == ["peer-1"]
    assert seats[1]
    assert not hall.room.begin_work(seats[1]), "its seat is another's"


def test_one_holder_ends_its_own_and_nobody_elses(hall: Hall) -> None:
    theirs = hall.connection()
    assert hall.room.take(theirs, "web", works=False)
    mine = [hall.connection() for _ in range(5)]
    assert all(hall.room.take(one, "worker", works=False) for one in mine)

    assert [is_ended(one) for one in mine] == [True, True, False, False, False]
    assert not is_ended(theirs)


def test_work_is_never_ended(hall: Hall) -> None:
    connections = [hall.connection() for _ in range(4)]
    seats = [hall.room.take(one, f"peer-{number}", works=True) for number, one in enumerate(connections)]

    assert hall.room.take(hall.connection(), "another", works=True) is None
    assert not any(is_ended(one) for one in connections)
    assert seats[2]
    hall.room.rest(seats[2])
    assert hall.room.take(hall.connection(), "another", works=True)
    assert is_ended(connections[2])


def test_a_seat_that_is_left_is_given_to_who_waits(hall: Hall) -> None:
    seats = [hall.room.take(hall.connection(), f"peer-{number}", works=True) for number in range(4)]
    found: list[object] = []
    waiting = threading.Thread(
        target=lambda: found.append(hall.room.take(hall.connection(), "another", works=True, seconds=20))
    )
    waiting.start()
    assert seats[0]
    hall.room.leave(seats[0])
    hall.room.leave(seats[0])  # harmless twice
    waiting.join(20)

    assert found != [None]
    assert hall.room.take(hall.connection(), "one too many", works=True) is None


def test_what_comes_often_is_written_once_a_second_with_its_number() -> None:
    now, written = [100.0], list[tuple[str, int, object]]()
    seldom = Seldom(lambda about, /, *, count, **facts: written.append((about, count, facts)), clock=lambda: now[0])

    for number in range(1_000):
        seldom.note("refused", peer=f"{number}")
        seldom.flush()
    seldom.note("ended")
    assert written == [("refused", 1, {"peer": "0"}), ("ended", 1, {})]

    now[0] += EVERY
    seldom.flush()
    assert written[2:] == [("refused", 999, {"peer": "999"})]
    now[0] += EVERY
    seldom.flush()
    seldom.note("refused", peer="again")
    seldom.note("refused", peer="again")
    seldom.flush(all_of_it=True)
    assert written[3:] == [("refused", 1, {"peer": "again"}), ("refused", 1, {"peer": "again"})]
