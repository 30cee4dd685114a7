"""``.env``, or the file that VAULT_ENV_FILE names: read before anything asks the environment, made on a first start."""

import os
import secrets
import tempfile
from pathlib import Path

import environ

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

    Returns whether it was written. Raises OSError where it cannot be.
    """
    target = env_file()
    if target.exists():
        return False
    example = (BASE_DIR / ".env.example").read_text()
    text = example.replace("\nSECRET_KEY=\n", f"\nSECRET_KEY={secrets.token_urlsafe(50)}\n", 1)
    number, unfinished = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)  # mode 0600
    with os.fdopen(number, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(unfinished).replace(target)
    return True
