"""The private keys of the unwrap service: loaded once, and again when a key file comes, goes or changes."""

import threading
import time
from pathlib import Path

import structlog

from documents.conf import KeySources
from documents.encryption.keyring import Kek
from documents.errors import ConfigurationError, KeyRingError
from documents.keysources import OLDER, PRIMARY, load_kek_file, load_opening_keks, signature_of

log = structlog.get_logger(__name__)

# Seconds between two looks at the directory, and between two tries, and warnings, where its keys cannot be loaded.
LOOK, AGAIN = 1.0, 60.0


class HeldKeys:
    """By KEK id. Raises ConfigurationError or KeyRingError where there are none at the start; later it keeps the last.

    A private key that a group may read, or that another user owns, is not loaded. A key whose file was deleted is gone
    at the next look, whatever is the matter with the others.
    """

    def __init__(self, sources: KeySources) -> None:
        self._sources, self._lock = sources, threading.Lock()
        self._signature = signature_of(sources)
        self._keks, self._files = self._loaded()
        self._looked, self._failed_at = time.monotonic(), 0.0
        self._is_behind = False

    def kek_ids(self) -> list[bytes]:
        """Return the ids of the KEKs that are held now, sorted."""
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
            is_due = self._is_behind and time.monotonic() - self._failed_at >= AGAIN
            if signature != self._signature or is_due:
                self._signature = signature
                self._load_again()
        finally:
            self._looked = time.monotonic()
            self._lock.release()

    def _load_again(self) -> None:
        try:
            self._keks, self._files = self._loaded()
            self._is_behind = False
            log.info("keys_loaded", keks=_shown(self._keks))
        except (ConfigurationError, KeyRingError) as error:
            self._is_behind, self._failed_at = True, time.monotonic()
            self._drop_deleted()
            log.warning("keys_not_loaded", error=str(error), still_held=_shown(self._keks))

    def _drop_deleted(self) -> None:
        self._keks = {kek_id: kek for kek_id, kek in self._keks.items() if self._is_there(kek_id)}

    def _is_there(self, kek_id: bytes) -> bool:
        """Whether one of its files is, in whatever state; a KEK out of the environment has none."""
        files = self._files.get(kek_id)
        return files is None or any(_exists(path) for path in files)

    def _loaded(self) -> tuple[dict[bytes, Kek], dict[bytes, list[Path]]]:
        """The KEKs, and where each of them comes from."""
        keks = {kek.kek_id: kek for kek in load_opening_keks(self._sources, strictly=True)}
        directory, files = self._sources.directory, dict[bytes, list[Path]]()
        for path in (directory / PRIMARY, *sorted((directory / OLDER).glob("*.pem"))):
            if path.is_file():
                kek = load_kek_file(path, self._sources, strictly=True)
                if kek.opener:
                    files.setdefault(kek.kek_id, []).append(path)
        return keks, files


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # a disk that fails, a directory that may not be entered: nobody deleted it
        return True
    return True


def _shown(keks: dict[bytes, Kek]) -> list[str]:
    return [kek_id.hex()[:16] for kek_id in sorted(keks)]
