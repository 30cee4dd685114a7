"""Limits of payloads: JSON values that are sealed into storage where they are large."""

from dataclasses import dataclass
from datetime import timedelta

import environ

from documents.conf.reading import count, duration, size
from documents.errors import ConfigurationError

MIB = 1024 * 1024
# Far above what anybody nests by hand, far below the thousand calls that end Python's own JSON encoder.
DEEPEST = 100
# A payload is held in memory while it is sealed and opened.
LARGEST = 1024 * MIB


@dataclass(frozen=True)
class PayloadConfig:
    """Sizes are bytes. ``grace`` is how long a payload is kept that nothing refers to."""

    inline_limit: int = 1024
    max_depth: int = 10
    max_size: int = 16 * MIB
    grace: timedelta = timedelta(hours=24)


def payloads_from(env: environ.Env) -> PayloadConfig:
    """Raises ConfigurationError naming a variable that is malformed or out of its bounds."""
    found = PayloadConfig(
        inline_limit=size(env, "VAULT_PAYLOAD_INLINE_LIMIT", PayloadConfig.inline_limit),
        max_depth=count(env, "VAULT_PAYLOAD_MAX_DEPTH", PayloadConfig.max_depth),
        max_size=size(env, "VAULT_PAYLOAD_MAX_SIZE", PayloadConfig.max_size),
        grace=duration(env, "VAULT_PAYLOAD_GRACE", PayloadConfig.grace),
    )
    if found.max_depth > DEEPEST:
        raise ConfigurationError(f"VAULT_PAYLOAD_MAX_DEPTH is {found.max_depth}. Set it between 1 and {DEEPEST}.")
    for name, value in (("INLINE_LIMIT", found.inline_limit), ("MAX_SIZE", found.max_size)):
        if value > LARGEST:
            raise ConfigurationError(f"VAULT_PAYLOAD_{name} is {value}. Set it between 1 and {LARGEST}.")
    return found
