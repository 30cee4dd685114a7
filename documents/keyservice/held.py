"""Which KEKs a key service opens, as it said last: asked now and then, and never in the way of who only seals."""

import threading
import time
from collections.abc import Hashable

import structlog

from documents.errors import KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice.protocol import KeyService

log = structlog.get_logger(__name__)

# Seconds after which it is asked again, and after which it is where it did not answer.
FRESH, AGAIN = 60.0, 5.0


class Held:
    """Keeps what a key service said that it holds. Safe to use from several threads."""

    def __init__(self, service: KeyService) -> None:
        self._service, self._asking = service, threading.Lock()
        self._known: frozenset[bytes] | None = None
        self._occasion: Hashable = None
        self._until = 0.0

    def kek_ids(self, occasion: Hashable) -> frozenset[bytes] | None:
        """Return the last answer, or None where there was none yet.

        Another ``occasion`` than last time, a key file that came, is a reason to ask anew. One thread asks; the others
        go on with what was known.
        """
        if self._is_fresh(occasion) or not self._asking.acquire(blocking=self._known is None):
            return self._known
        try:
            if not self._is_fresh(occasion):
                self._ask()
                self._occasion = occasion
            return self._known
        finally:
            self._asking.release()

    def _is_fresh(self, occasion: Hashable) -> bool:
        return occasion == self._occasion and time.monotonic() < self._until

    def _ask(self) -> None:
        try:
            self._known = self._service.kek_ids()
            self._until = time.monotonic() + FRESH
        except (KeyServiceUnavailable, KeyServiceRefused) as error:
            log.warning("key_service_silent", error=str(error))
            self._until = time.monotonic() + AGAIN
