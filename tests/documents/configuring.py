"""The configuration that a few variables make."""

from collections.abc import Callable
from pathlib import Path

import environ

from documents.conf import VaultConfig, from_environment

Configure = Callable[..., VaultConfig]


def configured_by(directory: Path, variables: dict[str, str]) -> VaultConfig:
    """Read these variables and no others; keys are looked for in ``directory``. Raises ConfigurationError."""
    env = environ.FileAwareEnv()
    env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env={"VAULT_KEYS_DIR": str(directory), **variables})
    return from_environment(env, directory)
