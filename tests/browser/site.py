"""A vault of its own for browsers: SQLite, local storage, the web server as people run it, all in one directory."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.processes import HOST, answers, free_port, run, running, wait_until

MAX_UPLOAD_SIZE = 5_000_000
# In the site's directory.
DATABASE, STORAGE = "vault.sqlite3", "storage"
# The name of a second store, to which documents can be moved.
SECOND_STORE = "second"


@contextmanager
def vault_site(directory: Path) -> Iterator[str]:
    """The base URL of a vault that lives as long as the block."""
    environment = site_environment(directory)
    second = f'[stores.{SECOND_STORE}]\ntype = "local"\npath = "{directory / SECOND_STORE}"\n'
    (directory / "stores.toml").write_text(second)
    run([sys.executable, "-m", "tests.browser.prepare"], environment=environment)
    port, log = free_port(), directory / "web.log"
    listening = {"VAULT_HOST": HOST, "PORT": str(port)}
    command = [sys.executable, "-m", "vault.web_server"]
    with running(command, log=log, environment={**environment, **listening}) as process:
        wait_until(lambda: answers(port), process, log=log)
        # Chromium takes localhost for a secure context, which passkeys and the clipboard ask for.
        yield f"http://localhost:{port}"


def site_environment(directory: Path) -> dict[str, str]:
    """What a process of this vault has in its environment."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "VAULT_ENV_FILE": str(directory / "no-env-file"),
        "SECRET_KEY": "browser-tests-sign-with-this-and-nothing-else-does-so-it-may-be-read",
        "DEBUG": "false",
        "VAULT_HTTPS": "false",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DATABASE_URL": f"sqlite:///{directory / DATABASE}",
        "CACHE_URL": "locmemcache://",
        "CELERY_BROKER_URL": "filesystem://",
        "EMAIL_URL": "dummymail://",
        "STORAGE_TYPE": "local",
        "LOCAL_STORAGE_PATH": str(directory / STORAGE),
        "VAULT_STORAGE_FILE": str(directory / "stores.toml"),
        "VAULT_DATA_DIR": str(directory),
        "VAULT_KEYS_DIR": str(directory / "keys"),
        "VAULT_MAX_UPLOAD_SIZE": str(MAX_UPLOAD_SIZE),
        "BROWSER_STATIC_ROOT": str(directory / "static"),
        "LOG_JSON": "false",
    }
