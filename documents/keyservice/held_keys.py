"""The private keys of the unwrap service: loaded once, and again when a key file comes or goes."""

import threading
import time

import structlog

from documents.conf import KeySources
from documents.encryption.keyring import Kek
from documents.errors import ConfigurationError, KeyRingError
from documents.keysources import load_opening_keks, signature_of

log = structlog.get_logger(__name__)

# Seconds between two looks at the directory.
LOOK = 1.0


class HeldKeys:
    """By KEK id. Raises ConfigurationError or KeyRingError where there are none at the start; later it keeps the last.

    A key whose file was deleted is gone at the next look, unless it was the last one.
    """

    def __init__(self, sources: KeySources) -> None:
        self._sources, self._lock = sources, threading.Lock()
        self._signature = signature_of(sources)
        self._keks = self._loaded()
        self._looked = time.monotonic()

    def kek_ids(self) -> list[bytes]:
        self._look()
        return sorted(self._keks)

    def find(self, kek_id: bytes) -> Kek | None:
        """Return the KEK with its private half, None where it is not held."""
        self._look()
        return self._keks.get(kek_id)

    def _look(self) -> None:
        if time.monotonic() - self._looked < LOOK or not self._lock.acquire(blocking=False):
            return
        try:
            signature = signature_of(self._sources)
            if signature != self._signature:
                self._keks = self._loaded()
                self._signature = signature
                log.info("keys_loaded", keks=[kek_id.hex()[:16] for kek_id in sorted(self._keks)])
        except (ConfigurationError, KeyRingError) as error:
            log.warning("keys_not_loaded", error=str(error))
        finally:
            self._looked = time.monotonic()
            self._lock.release()

    def _loaded(self) -> dict[bytes, Kek]:
        return {kek.kek_id: kek for kek in load_opening_keks(self._sources)}
