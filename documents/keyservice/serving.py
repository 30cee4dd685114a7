"""Connections of the unwrap service: each in a thread of its own, few enough, none that takes its time."""

import socket
import threading
import time
from contextlib import ExitStack
from datetime import timedelta

import structlog

from documents.keyservice import wire
from documents.keyservice.answering import Unwrapping
from documents.keyservice.listening import Listener, PeerRefused
from documents.keyservice.wire import BrokenFrame

log = structlog.get_logger(__name__)


class Serving:
    """``timeout`` is how long a handshake, a frame or an answer may take, ``idle`` the silence between two frames."""

    def __init__(
        self, listener: Listener, unwrapping: Unwrapping, *, connections: int, timeout: timedelta, idle: timedelta
    ) -> None:
        self._listener, self._unwrapping = listener, unwrapping
        self._room = threading.BoundedSemaphore(connections)
        self._seconds, self._idle = timeout.total_seconds(), idle.total_seconds()

    def serve(self) -> None:
        """Accept connections until an exception, a signal's, ends it. What is beyond the limit is closed at once."""
        while True:
            try:
                connection, _address = self._listener.accepting.accept()
            except OSError as error:  # the peer is gone again, or this process has no file descriptor left
                log.warning("not_accepted", error=str(error))
                time.sleep(0.1)
                continue
            if not self._room.acquire(blocking=False):
                log.warning("too_many_connections")
                connection.close()
                continue
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        with ExitStack() as at_the_end:
            at_the_end.callback(self._room.release)
            at_the_end.callback(connection.close)
            try:
                admitted, peer = self._listener.admit(connection)
                at_the_end.callback(admitted.close)  # TLS took the connection over
                while request := wire.receive(
                    admitted, largest=wire.LARGEST_REQUEST, seconds=self._seconds, idle=self._idle
                ):
                    wire.send(admitted, self._unwrapping.answer(request, peer), seconds=self._seconds)
            except PeerRefused as refused:
                log.warning("peer_refused", peer=str(refused))
            except (BrokenFrame, OSError) as error:  # TimeoutError and ssl.SSLError among them
                log.info("connection_ended", error=f"{type(error).__name__}: {error}")
