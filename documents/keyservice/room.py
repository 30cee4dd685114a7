"""Room for so many connections at a time. Who comes when there is none left ends the one that has rested longest."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Seat:
    """A connection that is held for ``holder``. One that works is never ended for another."""

    connection: socket.socket
    holder: str
    works: bool


class Room:
    """``seats`` in all, ``each`` for one holder. Safe from several threads; whoever takes a seat leaves it.

    ``on_ended`` is told the holder whose connection was ended for another's.
    """

    def __init__(self, seats: int, each: int, *, on_ended: Callable[[str], None]) -> None:
        self._seats, self._each, self._on_ended = seats, each, on_ended
        self._lock = threading.Condition()
        self._taken: dict[Seat, None] = {}  # who has rested longest is first among those that rest
        self._held: dict[str, int] = {}

    def take(self, connection: socket.socket, holder: str, *, works: bool, seconds: float = 0) -> Seat | None:
        """Return a seat, None where all that could be given are at work for ``seconds``."""
        seat = Seat(connection, holder, works)
        ended: list[str] = []
        with self._lock:
            if not self._lock.wait_for(lambda: self._makes_room(holder, ended), seconds):
                return None
            self._taken[seat] = None
            self._held[holder] = self._held.get(holder, 0) + 1
        for one in ended:
            self._on_ended(one)
        return seat

    def begin_work(self, seat: Seat) -> bool:
        """Returns False where the connection was ended for another one meanwhile."""
        with self._lock:
            seat.works = True
            return seat in self._taken

    def rest(self, seat: Seat) -> None:
        """Say that a connection waits for its next request: its seat may go to another one from now on."""
        with self._lock:
            seat.works = False
            if seat in self._taken:  # to the end of the row
                del self._taken[seat]
                self._taken[seat] = None
                self._lock.notify_all()

    def leave(self, seat: Seat) -> None:
        """To be called before the connection is closed. Does nothing where the seat was given to another."""
        with self._lock:
            if seat in self._taken:
                self._remove(seat)
                self._lock.notify_all()

    def _makes_room(self, holder: str, ended: list[str]) -> bool:
        is_many = self._held.get(holder, 0) >= self._each
        if not is_many and len(self._taken) < self._seats:
            return True
        seat = self._longest_at_rest(holder if is_many else None)
        if seat is None:
            return False
        self._remove(seat)
        _end(seat.connection)
        ended.append(seat.holder)
        return True

    def _longest_at_rest(self, holder: str | None) -> Seat | None:
        resting = (seat for seat in self._taken if not seat.works and holder in (None, seat.holder))
        return next(resting, None)

    def _remove(self, seat: Seat) -> None:
        del self._taken[seat]
        self._held[seat.holder] -= 1
        if not self._held[seat.holder]:
            del self._held[seat.holder]


def _end(connection: socket.socket) -> None:
    """Wake the thread that reads from the connection; it closes it.

    Not SSLSocket.shutdown: that makes it a socket without TLS first, which the thread might still write to.
    """
    with suppress(OSError):  # the peer was faster
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
