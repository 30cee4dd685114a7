"""How storage migrations work: how long a source is kept, and how long a worker that fell silent is waited for."""

from dataclasses import dataclass
from datetime import timedelta

import environ

from documents.conf.reading import duration


@dataclass(frozen=True)
class MigrationConfig:
    """``grace`` is how long the object at the source is kept after its row was switched, before it may be purged.

    ``lease`` is how long a worker has its items without a sign of life; then others take them over.
    """

    grace: timedelta = timedelta(days=7)
    lease: timedelta = timedelta(minutes=2)


def migration_from(env: environ.Env) -> MigrationConfig:
    """Read VAULT_MIGRATION_*. Raises ConfigurationError naming the first that is malformed."""
    default = MigrationConfig()
    return MigrationConfig(
        grace=duration(env, "VAULT_MIGRATION_GRACE", default.grace),
        lease=duration(env, "VAULT_MIGRATION_LEASE", default.lease),
    )
