"""Can this process do its work? Every part is really asked."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import connection

from documents.conf import VaultConfig
from documents.errors import KeyServiceUnavailable
from documents.key_rings import key_ring
from documents.keyservice.attached import key_service
from documents.wiring import storage_provider, vault_config

log = structlog.get_logger(__name__)


# Whoever asks within this time gets the same answer.
FRESH_SECONDS = 5
# While a part keeps its asker waiting for longer than this, the last answer counts no more.
STALE_SECONDS = 30


@dataclass(frozen=True)
class _Answer:
    at: float
    config: VaultConfig
    parts: dict[str, bool]


class Readiness:
    """The last answer, and who is about to find the next one: a store that hangs holds one thread, not all."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._last: _Answer | None = None

    def __call__(self) -> dict[str, bool]:
        """Return each part and whether it answers. The reasons of those that do not are logged.

        Returns at once, with the last answer, while another thread asks; without one every part counts as failed.
        """
        config = vault_config()
        if (parts := self._within(FRESH_SECONDS, config)) is not None:
            return parts
        if not self._asking.acquire(blocking=False):
            parts = self._within(STALE_SECONDS, config)
            return dict.fromkeys(_parts(config), False) if parts is None else parts
        try:
            parts = {name: _answers(name, ask) for name, ask in _parts(config).items()}
            self._last = _Answer(time.monotonic(), config, parts)
            return parts
        finally:
            self._asking.release()

    def _within(self, seconds: float, config: VaultConfig) -> dict[str, bool] | None:
        last = self._last
        if last is None or last.config != config or time.monotonic() - last.at >= seconds:
            return None
        return last.parts


readiness = Readiness()


def _answers(name: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception:  # drivers of databases, caches and brokers share no base class
        log.warning("not_ready", part=name, exc_info=True)
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_cache() -> None:
    cache.set("readiness", "asked", 5)
    if cache.get("readiness") != "asked":
        raise OSError("the cache forgot what it was just told")


def _ask_storage() -> None:
    storage_provider().exists("documents/readiness")


def _ask_broker() -> None:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=3)


def _ask_keys() -> None:
    """There is a ring. One that is older than the vault's opens all the same: ``vault_key_ring_outdated`` tells."""
    key_ring()


def _ask_key_service() -> None:
    """It answers, and opens what is sealed now. A cache would say what was so a while ago."""
    if (service := vault_config().keys.service) is None:
        return
    primary = key_ring().primary.kek_id
    if primary not in key_service(service).kek_ids():
        raise KeyServiceUnavailable(f"The key service does not hold the primary KEK, {primary.hex()[:16]}.")


def _parts(config: VaultConfig) -> dict[str, Callable[[], object]]:
    return {**_PARTS, "key_service": _ask_key_service} if config.keys.service else _PARTS


_PARTS: dict[str, Callable[[], object]] = {
    "database": _ask_database,
    "cache": _ask_cache,
    "keys": _ask_keys,
    "storage": _ask_storage,
    "broker": _ask_broker,
}
