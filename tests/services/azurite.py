"""Azurite, Microsoft's own stand-in for Azure Blob Storage, in a process of its own; it is a package of npm."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.processes import HOST, ServerFailed, answers, free_port, run, running, state_directory, wait_until

PACKAGE = "azurite@3.35.0"
# Azurite's one account, which Microsoft documents ("Use the Azurite emulator", "Well-known storage account and key").
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextmanager
def azurite() -> Iterator[str]:
    """The URL of its account. It checks keys, signatures and expiry as Azure does. Raises ServerFailed."""
    program = find_azurite()
    node = shutil.which("node") or shutil.which("nodejs")
    if program is None or node is None:
        raise ServerFailed("There is no azurite: python -m tests.services.install installs it where npm is.")
    with state_directory("azurite") as directory:
        port, log = free_port(), directory / "log"
        command: list[str | Path] = [node, program, "--blobHost", HOST, "--blobPort", str(port)]
        quiet = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        with running([*command, *quiet], log=log) as process:
            wait_until(lambda: answers(port), process, log=log)
            yield f"http://{HOST}:{port}/{ACCOUNT}"


def azurite_is_installed() -> bool:
    return find_azurite() is not None and (shutil.which("node") or shutil.which("nodejs")) is not None


def find_azurite() -> Path | None:
    """Its program, in the tests' own directory or the system's; None where there is none."""
    own = directory() / "node_modules/azurite/dist/src/blob/main.js"
    if own.is_file():
        return own
    system = shutil.which("azurite-blob")
    return Path(system).resolve() if system else None


def directory() -> Path:
    """Where the tests keep it: outside the repository, and one for all its checkouts."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "document-vault-tests" / PACKAGE.replace("@", "-")


def install_azurite() -> None:
    """Raises ServerFailed where npm cannot; then nothing is left that would look installed."""
    npm = shutil.which("npm")
    if npm is None:
        raise ServerFailed("npm is not installed")
    target = directory()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as unpacked:
        # Without scripts: nothing that comes from there runs before a test starts it.
        run([npm, "install", "--prefix", unpacked, "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE])
        if not target.exists():
            Path(unpacked).rename(target)
            Path(unpacked).mkdir()
