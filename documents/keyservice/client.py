"""Asking an unwrap service: connections that are kept, an answer in time or a clear error."""

import os
import socket
import ssl
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from datetime import timedelta
from weakref import WeakSet

from documents.conf.addresses import TlsAddress, UnixAddress
from documents.encryption.derivation import DEK_SIZE
from documents.encryption.keyblock import MAX_WRAPPED_SIZE, WRAP_TYPES
from documents.errors import KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice import wire
from documents.keyservice.dialling import dial
from documents.keyservice.wire import BrokenFrame, Frame, OpenRequest, WrongAnswer

# Connections of one process at a time: unwrapping is arithmetic, and more would wait at the service instead of here.
MOST_CONNECTIONS = 8
# Seconds for which a connection that nobody uses is kept. The service has few, and other processes ask it as well.
KEPT = 30.0


class UnwrapClient:
    """The vault's own unwrap service, as a ``KeyService``. Nothing is connected before it is asked."""

    stanza_types = frozenset(WRAP_TYPES.values())

    def __init__(self, address: UnixAddress | TlsAddress, *, timeout: timedelta) -> None:
        self._address, self._seconds = address, timeout.total_seconds()
        # With the time of its last use, the oldest first.
        self._idle: deque[tuple[socket.socket, float]] = deque()
        self._open: set[socket.socket] = set()
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._closings = 0
        _CLIENTS.add(self)

    def kek_ids(self) -> frozenset[bytes]:
        """As ``KeyService.kek_ids``."""
        return wire.given_kek_ids(self._given(Frame(wire.KEKS)))

    def open_dek(self, kek_id: bytes, wrapped: bytes, context: bytes) -> bytes:
        """As ``KeyService.open_dek``."""
        substitute = os.urandom(DEK_SIZE)
        if not 1 <= len(wrapped) <= MAX_WRAPPED_SIZE:
            return substitute
        answer = self._given(wire.open_frame(OpenRequest(kek_id, context, wrapped)))
        match answer.code:
            case wire.GIVEN:
                return answer.body
            case wire.REFUSED:
                return substitute
        raise self._unavailable(f"does not hold KEK {kek_id.hex()[:16]}. Put its private key there")

    def close(self) -> None:
        """As ``KeyService.close``. A connection in use is closed once it has its answer."""
        self._closings += 1
        while (kept := self._kept()) is not None:
            self._drop(kept)

    def forget_inherited(self) -> None:
        """In a child that was forked: let go of the parent's connections, which stay open for the parent."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._idle.clear()

    def _given(self, request: Frame) -> Frame:
        """Return an answer that has something for the asker: GIVEN, and to OPEN also REFUSED or UNKNOWN_KEK."""
        answer = self._ask(request)
        match answer.code:
            case wire.GIVEN:
                return answer
            case wire.REFUSED | wire.UNKNOWN_KEK if request.code == wire.OPEN:
                return answer
            case wire.LIMITED:
                raise KeyServiceRefused(timedelta(seconds=wire.limited_seconds(answer)))
            case wire.BUSY:
                raise self._unavailable("has no room for another connection. Raise VAULT_UNWRAP_CONNECTIONS there")
            case wire.UNAVAILABLE:
                raise self._unavailable("cannot unwrap now; its log says why")
        raise self._unavailable("answered with what is no answer")

    def _ask(self, request: Frame) -> Frame:
        if not self._room.acquire(timeout=self._seconds):
            raise self._unavailable(f"is asked {MOST_CONNECTIONS} times at once already")
        try:
            return self._answer_to(request)
        except TimeoutError as error:
            raise self._unavailable(f"did not answer within {self._seconds:.0f} s") from error
        except ssl.SSLError as error:
            raise self._unavailable(f"and this process do not agree on TLS ({error.reason or 'broken'})") from error
        except WrongAnswer as error:
            raise self._unavailable("answered with what is no answer") from error
        except (BrokenFrame, ConnectionResetError, BrokenPipeError) as error:
            # What it does with a peer that it does not know. Its log says so, and to nobody else.
            raise self._unavailable(f"ended the connection ({error}). It may not know this peer") from error
        except UnicodeError as error:
            raise self._unavailable("cannot be reached (no host has such a name)") from error
        except OSError as error:
            raise self._unavailable(f"cannot be reached ({error.strerror or type(error).__name__})") from error
        finally:
            self._room.release()

    def _answer_to(self, request: Frame) -> Frame:
        """Ask on a connection that is there; where it was closed meanwhile, once more on a new one."""
        if (kept := self._kept()) is not None:
            # The service was started again, closed what was idle, or what was open for long. To be silent is no such
            # thing.
            with suppress(BrokenFrame, ConnectionError, ssl.SSLError):
                return self._exchange(kept, request)
        connection = dial(self._address, seconds=self._seconds)
        self._open.add(connection)
        return self._exchange(connection, request)

    def _kept(self) -> socket.socket | None:
        """The connection used last; those that nobody used for long are closed."""
        with suppress(IndexError):
            while self._idle[0][1] < time.monotonic() - KEPT:
                self._drop(self._idle.popleft()[0])
            return self._idle.pop()[0]
        return None

    def _exchange(self, connection: socket.socket, request: Frame) -> Frame:
        """Send, receive, keep the connection for the next; one that failed is closed."""
        closings = self._closings
        with ExitStack() as unless_kept:
            unless_kept.callback(self._drop, connection)
            wire.send(connection, request, seconds=self._seconds)
            answer = wire.receive(connection, largest=wire.LARGEST_ANSWER, seconds=self._seconds)
            if answer is None:
                raise BrokenFrame("it ended before an answer")
            wire.demand_answer(request, answer)
            if answer.code != wire.BUSY and closings == self._closings:
                unless_kept.pop_all()
                self._idle.append((connection, time.monotonic()))
        return answer

    def _drop(self, connection: socket.socket) -> None:
        self._open.discard(connection)
        connection.close()

    def _unavailable(self, what: str) -> KeyServiceUnavailable:
        return KeyServiceUnavailable(f"The key service at {self._address} {what}.")


_CLIENTS: "WeakSet[UnwrapClient]" = WeakSet()


def _forget_inherited() -> None:
    for client in list(_CLIENTS):
        client.forget_inherited()


os.register_at_fork(after_in_child=_forget_inherited)
