"""A key service that does not answer is left alone for a while: who asks for many documents would wait for each."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from documents.errors import KeyServiceMisconfigured, KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice.protocol import KeyService, every_kek_id

# Seconds for which a service is not asked after it kept somebody waiting in vain, and nobody else had an answer.
PAUSE = 5.0

T = TypeVar("T")


class Pausing:
    """Any ``KeyService``, as one. ``timeout`` is the longest that it is waited for; from half of it on it is silent."""

    def __init__(self, service: KeyService, *, timeout: timedelta) -> None:
        self._service, self._silent = service, timeout.total_seconds() / 2
        self.stanza_types = service.stanza_types
        self._answered = self._until = 0.0

    def kek_ids(self) -> frozenset[bytes]:
        """As ``KeyService.kek_ids``."""
        return self._unless_silent(self._service.kek_ids)

    def every_kek_id(self) -> frozenset[bytes]:
        """As ``AnswersInPart.every_kek_id``."""
        return self._unless_silent(lambda: every_kek_id(self._service))

    def open_dek(self, kek_id: bytes, wrapped: bytes, context: bytes) -> bytes:
        """As ``KeyService.open_dek``."""
        return self._unless_silent(lambda: self._service.open_dek(kek_id, wrapped, context))

    def close(self) -> None:
        """As ``KeyService.close``."""
        self._until = 0.0
        self._service.close()

    def _unless_silent(self, ask: Callable[[], T]) -> T:
        began = time.monotonic()
        if began < self._until:
            raise KeyServiceUnavailable("The key service did not answer a moment ago, and is asked again soon.")
        try:
            given = ask()
        except (KeyServiceRefused, KeyServiceMisconfigured):
            self._answered = time.monotonic()
            raise
        except KeyServiceUnavailable:
            # One answer of many may be lost on the way: it is silent where nobody had one meanwhile.
            if time.monotonic() - began >= self._silent and self._answered < began:
                self._until = time.monotonic() + PAUSE
            raise
        self._answered = time.monotonic()
        return given
