"""How the collector works: how often, how much at a time, and how long it waits before anything is deleted."""

from dataclasses import dataclass
from datetime import timedelta

import environ

from documents.conf.reading import count, duration


@dataclass(frozen=True)
class CollectionConfig:
    """``max_scanned`` and ``max_deleted`` are objects of one pass, over all stores.

    ``grace`` is how old an object must be before it is seen as unreferenced, and again the time between the first and
    the second look. ``trash_retention`` is how long the trash keeps what was moved there.
    """

    interval: timedelta = timedelta(minutes=2)
    max_scanned: int = 2000
    max_deleted: int = 200
    grace: timedelta = timedelta(hours=24)
    trash_retention: timedelta = timedelta(days=7)


def collection_from(env: environ.Env) -> CollectionConfig:
    """Read VAULT_COLLECT_* and VAULT_TRASH_RETENTION. Raises ConfigurationError naming the first that is malformed."""
    default = CollectionConfig()
    return CollectionConfig(
        interval=duration(env, "VAULT_COLLECT_INTERVAL", default.interval),
        max_scanned=count(env, "VAULT_COLLECT_MAX_SCANNED", default.max_scanned),
        max_deleted=count(env, "VAULT_COLLECT_MAX_DELETED", default.max_deleted),
        grace=duration(env, "VAULT_COLLECT_GRACE", default.grace),
        trash_retention=duration(env, "VAULT_TRASH_RETENTION", default.trash_retention),
    )
