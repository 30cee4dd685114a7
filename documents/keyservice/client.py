"""Asking an unwrap service: connections that are kept, an answer in time or a clear error."""

import os
import socket
import ssl
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from datetime import timedelta

from documents.conf.addresses import TlsAddress, UnixAddress
from documents.encryption.derivation import DEK_SIZE
from documents.encryption.keyblock import MAX_WRAPPED_SIZE, WRAP_TYPES
from documents.errors import KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice import wire
from documents.keyservice.dialling import dial
from documents.keyservice.wire import BrokenFrame, Frame, OpenRequest

# Connections of one process at a time: unwrapping is arithmetic, and more would wait at the service instead of here.
MOST_CONNECTIONS = 8
# A service that kept one request waiting for the whole time-out is not asked again for so many seconds: pages that ask
# for many documents' digests would hang for minutes.
PAUSE = 5.0


class UnwrapClient:
    """The vault's own unwrap service, as a ``KeyService``. Nothing is connected before it is asked."""

    stanza_types = frozenset(WRAP_TYPES.values())

    def __init__(self, address: UnixAddress | TlsAddress, *, timeout: timedelta) -> None:
        self._address, self._seconds = address, timeout.total_seconds()
        self._idle: deque[socket.socket] = deque()
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._silent_until = 0.0

    def kek_ids(self) -> frozenset[bytes]:
        """As ``KeyService.kek_ids``."""
        answer = self._ask(Frame(wire.KEKS))
        try:
            return wire.given_kek_ids(answer)
        except BrokenFrame as error:
            raise self._unavailable("answered with what is no list of KEKs") from error

    def open_dek(self, kek_id: bytes, wrapped: bytes, context: bytes) -> bytes:
        """As ``KeyService.open_dek``."""
        substitute = os.urandom(DEK_SIZE)
        if not 1 <= len(wrapped) <= MAX_WRAPPED_SIZE:
            return substitute
        answer = self._ask(wire.open_frame(OpenRequest(kek_id, context, wrapped)))
        try:
            match answer.code:
                case wire.GIVEN:
                    return wire.given_dek(answer)
                case wire.REFUSED:
                    return substitute
                case wire.LIMITED:
                    raise KeyServiceRefused(timedelta(seconds=wire.limited_seconds(answer)))
                case wire.UNKNOWN_KEK:
                    raise self._unavailable(f"does not hold KEK {kek_id.hex()[:16]}. Put its private key there")
        except BrokenFrame as error:
            raise self._unavailable("answered with what is no answer") from error
        raise self._unavailable("cannot unwrap now; its log says why")

    def close(self) -> None:
        """As ``KeyService.close``."""
        while (kept := self._kept()) is not None:
            kept.close()

    def _ask(self, request: Frame) -> Frame:
        if time.monotonic() < self._silent_until:
            raise self._unavailable("did not answer a moment ago, and is asked again soon")
        if not self._room.acquire(timeout=self._seconds):
            raise self._unavailable(f"is asked {MOST_CONNECTIONS} times at once already")
        try:
            return self._answer_to(request)
        except TimeoutError as error:
            self._silent_until = time.monotonic() + PAUSE
            raise self._unavailable(f"did not answer within {self._seconds:.0f} s") from error
        except ssl.SSLError as error:
            raise self._unavailable(f"and this process do not agree on TLS ({error.reason or 'broken'})") from error
        except (BrokenFrame, ConnectionResetError, BrokenPipeError) as error:
            # What it does with a peer that it does not know, and with a connection too many. Its log says which.
            raise self._unavailable(f"ended the connection ({error}). It may not know this peer") from error
        except OSError as error:
            raise self._unavailable(f"cannot be reached ({error.strerror or type(error).__name__})") from error
        finally:
            self._room.release()

    def _answer_to(self, request: Frame) -> Frame:
        """Ask on a connection that is there; where it was closed meanwhile, once more on a new one."""
        if (kept := self._kept()) is not None:
            # The service was started again, or closed what was idle for long. To be silent is no such thing.
            with suppress(BrokenFrame, ConnectionError, ssl.SSLError):
                return self._exchange(kept, request)
        return self._exchange(dial(self._address, seconds=self._seconds), request)

    def _kept(self) -> socket.socket | None:
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _exchange(self, connection: socket.socket, request: Frame) -> Frame:
        """Send, receive, keep the connection for the next; one that failed is closed."""
        with ExitStack() as unless_kept:
            unless_kept.callback(connection.close)
            wire.send(connection, request, seconds=self._seconds)
            answer = wire.receive(connection, largest=wire.LARGEST_ANSWER, seconds=self._seconds)
            if answer is None:
                raise BrokenFrame("it ended before an answer")
            unless_kept.pop_all()
        self._idle.append(connection)
        return answer

    def _unavailable(self, what: str) -> KeyServiceUnavailable:
        return KeyServiceUnavailable(f"The key service at {self._address} {what}.")
