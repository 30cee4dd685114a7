"""How often everything that is stored is read and compared, and how fast."""

from dataclasses import dataclass
from datetime import timedelta

import environ

from documents.conf.reading import duration, flag, size


@dataclass(frozen=True)
class ScrubConfig:
    """``interval`` is from the beginning of one scrub to that of the next, ``rate`` in bytes a second."""

    enabled: bool = True
    interval: timedelta = timedelta(days=30)
    rate: int = 20 * 1024**2


def scrub_from(env: environ.Env) -> ScrubConfig:
    """Read VAULT_SCRUB*. Raises ConfigurationError naming the first that is malformed."""
    default = ScrubConfig()
    return ScrubConfig(
        enabled=flag(env, "VAULT_SCRUB", default=default.enabled),
        interval=duration(env, "VAULT_SCRUB_INTERVAL", default.interval),
        rate=size(env, "VAULT_SCRUB_RATE", default.rate),
    )
