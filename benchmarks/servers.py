"""The servers that are measured: the vault as ``make run`` starts its web process, and tiny peers beside it."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services.processes import answers, free_port, run, running, wait_until

ROOT = Path(__file__).resolve().parent.parent
USERNAME = "bench"


@dataclass(frozen=True, slots=True)
class Server:
    """A web server on loopback. ``token`` is for the API, where it has one."""

    port: int
    pid: int
    token: str = ""

    def workers(self) -> list[int]:
        """The processes that serve, not the one that only supervises them."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children] or [self.pid]


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault that is set up and not served: it can be served more than once, one time after another or at once."""

    directory: Path
    environment: Mapping[str, str]
    token: str

    @contextmanager
    def serving(
        self, application: str = "vault.wsgi:application", more: Mapping[str, str] | None = None
    ) -> Iterator[Server]:
        """Serve it, or an application that stands on it, with ``more`` in the environment."""
        with granian(application, self.directory, {**self.environment, **(more or {})}) as server:
            yield Server(server.port, server.pid, self.token)


def new_vault(directory: Path, more: Mapping[str, str] | None = None) -> Vault:
    """Keys, database, an account and its token: local provider and SQLite below ``directory``, which is on tmpfs.

    Other settings are in ``more``.
    """
    environment = {**vault_environment(directory), **(more or {})}
    manage = [sys.executable, str(ROOT / "manage.py")]
    account = ["createsuperuser", "--noinput", "--username", USERNAME, "--email", "bench@example.com"]
    run([*manage, "create_keyring", "--recovery-dir", str(directory / "recovery")], environment=environment)
    run([*manage, "migrate", "--verbosity", "0"], environment=environment)
    run([*manage, *account], environment=environment)
    return Vault(directory, environment, run([*manage, "create_api_token", USERNAME], environment=environment).strip())


@contextmanager
def granian(application: str, directory: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Any WSGI application under exactly the vault's server settings."""
    port, log = free_port(), directory / "granian.log"
    here = {"PYTHONPATH": str(ROOT), "PORT": str(port), **(environment or {})}
    command = [sys.executable, "-m", "benchmarks.serve", application]
    with running(command, log=log, environment=here) as process:
        wait_until(lambda: answers(port), process, log=log)
        yield Server(port, process.pid)


def vault_environment(directory: Path) -> dict[str, str]:
    (directory / "data").mkdir(parents=True, exist_ok=True)
    return {
        "VAULT_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "vault.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DJANGO_SUPERUSER_PASSWORD": secrets.token_urlsafe(20),
        "VAULT_HTTPS": "false",
        "VAULT_DATA_DIR": str(directory / "data"),
        "VAULT_KEYS_DIR": str(directory / "keys"),
        "LOCAL_STORAGE_PATH": str(directory / "storage"),
        "VAULT_MAX_UPLOAD_SIZE": str(64 * 1024**3),
        "STORAGE_TYPE": "local",
        "LOG_LEVEL": "WARNING",
    }
