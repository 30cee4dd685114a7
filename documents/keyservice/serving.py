"""Connections of the unwrap service: each in a thread of its own, few enough, none that takes its time."""

import errno
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import structlog

from documents.keyservice import wire
from documents.keyservice.answering import Peer, Unwrapping
from documents.keyservice.listening import Listener, PeerRefused
from documents.keyservice.room import Room, Seat
from documents.keyservice.seldom import EVERY, Seldom
from documents.keyservice.wire import BrokenFrame, Frame

log = structlog.get_logger(__name__)

# Connections whose peer is not known yet, in all and from one source: an address, or a user of this machine.
ARRIVALS, ARRIVALS_EACH = 256, 64
# How long a connection may live: a certificate that expired, or was taken out of the list, is good for no longer.
LONGEST_LIFE = timedelta(hours=1)
# Seconds that a seat is waited for where all are at work: most work takes milliseconds. Clients with the shortest
# time-out, a second, take what comes within half of it for an answer (``pausing``).
WAITED_FOR = 0.4
_USUAL = ("connection_ended", "idle_connection_ended_for_another")
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Serving:
    """``timeout`` is how long a handshake, a frame or an answer may take, ``idle`` the silence between two frames.

    A connection is an arrival until its peer is known, and has a seat from then on. Neither the one nor the other can
    be used up by who does nothing with it: the oldest arrival and the connection that rested longest give way. Three
    quarters of the seats are for one peer at most.
    """

    def __init__(
        self,
        listener: Listener,
        unwrapping: Unwrapping,
        *,
        connections: int,
        timeout: timedelta,
        idle: timedelta,
        life: timedelta = LONGEST_LIFE,
    ) -> None:
        self._listener, self._unwrapping = listener, unwrapping
        self._log, self._ended = Seldom(_write), threading.Event()
        self._arrivals = Room(ARRIVALS, ARRIVALS_EACH, on_ended=self._telling("arrival_ended_for_another"))
        each = -(-connections * 3 // 4)
        self._seats = Room(connections, each, on_ended=self._telling("idle_connection_ended_for_another"))
        self._seconds, self._idle = timeout.total_seconds(), idle.total_seconds()
        self._life = life.total_seconds()

    def serve(self) -> None:
        """Accept connections until the listener is closed, or an exception, a signal's, ends it."""
        threading.Thread(target=self._flush_now_and_then, daemon=True).start()
        try:
            while self._listener.accepting.fileno() >= 0:
                self._accept()
        finally:
            self._ended.set()

    def _accept(self) -> None:
        try:
            connection, source = self._listener.accept()
        except OSError as error:  # the peer is gone again, or this process has no file descriptor left
            self._log.note("not_accepted", error=str(error))
            if error.errno in _EXHAUSTED:
                time.sleep(0.1)
            return
        arrival = self._arrivals.take(connection, source, works=False)
        try:
            threading.Thread(target=self._attend, args=(connection, arrival), daemon=True).start()
        except RuntimeError as error:  # the system has no thread left
            self._leave(self._arrivals, arrival)
            connection.close()
            self._log.note("no_thread", error=str(error))

    def _attend(self, connection: socket.socket, arrival: Seat | None) -> None:
        with ExitStack() as at_the_end:
            at_the_end.callback(connection.close)
            arrived = at_the_end.enter_context(ExitStack())
            arrived.callback(self._leave, self._arrivals, arrival)
            try:
                peer = self._listener.admit(connection)
                seat = self._seats.take(connection, peer.name, works=True, seconds=WAITED_FOR)
                if seat is None:
                    self._log.note("no_room", peer=peer.name)
                    self._tell_busy(connection)
                    return
                at_the_end.callback(self._seats.leave, seat)
                arrived.close()
                self._converse(connection, peer, seat)
            except PeerRefused as refused:
                self._log.note("peer_refused", peer=str(refused))
            except (BrokenFrame, OSError) as error:  # TimeoutError and ssl.SSLError among them
                self._log.note("connection_ended", error=f"{type(error).__name__}: {error}")

    def _converse(self, connection: socket.socket, peer: Peer, seat: Seat) -> None:
        """Answer until one side has enough. Who connects has something to ask: its first frame has no time to rest."""
        until, idle = time.monotonic() + self._life, self._seconds
        while (left := until - time.monotonic()) > 0:
            request = wire.receive(
                connection, largest=wire.LARGEST_REQUEST, seconds=self._seconds, idle=min(idle, left)
            )
            if request is None or not self._seats.begin_work(seat):
                return
            wire.send(connection, self._unwrapping.answer(request, peer), seconds=self._seconds)
            self._seats.rest(seat)
            idle = self._idle

    def _tell_busy(self, connection: socket.socket) -> None:
        """In answer to a request: what was not read would take the answer away with it."""
        if wire.receive(connection, largest=wire.LARGEST_REQUEST, seconds=self._seconds):
            wire.send(connection, Frame(wire.BUSY), seconds=self._seconds)

    def _leave(self, room: Room, seat: Seat | None) -> None:
        if seat is not None:
            room.leave(seat)

    def _telling(self, event: str) -> Callable[[str], None]:
        return lambda holder: self._log.note(event, peer=holder)

    def _flush_now_and_then(self) -> None:
        while not self._ended.wait(EVERY):
            self._log.flush()
            self._unwrapping.flush()


def _write(event: str, /, *, count: int, **facts: str | int | None) -> None:
    (log.info if event in _USUAL else log.warning)(event, count=count, **facts)
