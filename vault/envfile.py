"""``.env``, or the file that VAULT_ENV_FILE names: read before anything asks the environment, made on a first start."""

import os
import secrets
import tempfile
from pathlib import Path

import environ

from documents.conf.reading import text
from documents.errors import ConfigurationError

BASE_DIR = Path(__file__).resolve().parent.parent


def env_file() -> Path:
    """Return where the file is or would be; nothing says that it is there."""
    return Path(os.environ.get("VAULT_ENV_FILE") or BASE_DIR / ".env")


def load_env_file() -> None:
    """Put what the file says into the environment. What stands in the environment goes before it. Safe to repeat."""
    if env_file().is_file():
        environ.Env.read_env(env_file())


def write_env_file() -> bool:
    """Write the file from ``.env.example`` with a fresh secret, whole or not at all, unless it is there.

    Returns whether it was written. Raises OSError where it cannot be, and ConfigurationError where a vault was here
    before: a fresh SECRET_KEY would lock out everybody with a second factor.
    """
    target = env_file()
    if target.exists():
        return False
    data = BASE_DIR / (os.environ.get("VAULT_DATA_DIR") or "var")
    if not text(environ.FileAwareEnv(), "SECRET_KEY") and (data / "vault.sqlite3").exists():
        raise ConfigurationError(
            f"{target} is missing, but there is a database. Put the file back from your backup, for it holds "
            "SECRET_KEY; or correct VAULT_ENV_FILE."
        )
    example = (BASE_DIR / ".env.example").read_text()
    filled = example.replace("\nSECRET_KEY=\n", f"\nSECRET_KEY={secrets.token_urlsafe(50)}\n", 1)
    number, unfinished = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)  # mode 0600
    with os.fdopen(number, "w") as file:
        file.write(filled)
        file.flush()
        os.fsync(file.fileno())
    Path(unfinished).replace(target)
    return True
