"""``python -m tests.check``: every gate that is not a test, each run whatever the others said."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.keyring import write_keys

BIN = Path(sys.executable).parent
# The production profile, as an operator would set it.
PRODUCTION = {
    "VAULT_ENV_FILE": os.devnull,
    "DJANGO_SETTINGS_MODULE": "vault.settings",
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ALLOWED_HOSTS": "vault.example.com",
    "LOG_LEVEL": "ERROR",
}


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        production = {
            **os.environ,
            **PRODUCTION,
            "VAULT_DATA_DIR": scratch,
            "VAULT_KEYS_DIR": str(write_keys(Path(scratch) / "keys")),
            "LOCAL_STORAGE_PATH": f"{scratch}/storage",
        }
        manage = [sys.executable, "manage.py"]
        gates: dict[str, list[str]] = {
            "format": [str(BIN / "ruff"), "format", "--check", "."],
            "lint": [str(BIN / "ruff"), "check", "."],
            "types": [str(BIN / "mypy"), "."],
            "import rules": [str(BIN / "lint-imports")],
            "schema migrations": [*manage, "makemigrations", "--check", "--dry-run"],
            "production settings": [*manage, "check", "--deploy", "--fail-level", "WARNING"],
        }
        failed = [name for name, command in gates.items() if not _passes(name, command, production)]
    sys.stdout.write(
        f"check: {len(gates) - len(failed)} passed, {len(failed)} failed{': ' if failed else ''}{', '.join(failed)}\n"
    )
    return 1 if failed else 0


def _passes(name: str, command: list[str], environment: dict[str, str]) -> bool:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    sys.stdout.write(f"{name:22} {'ok' if done.returncode == 0 else 'FAILED'}\n")
    if done.returncode:
        sys.stdout.write(done.stdout + done.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
