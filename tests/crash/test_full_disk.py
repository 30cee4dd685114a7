"""A disk that is full: the client is told so, nothing stays, and the vault goes on."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.crash.client import API
from tests.crash.installation import GRACE, Installation, embedded_installation, forgetting
from tests.crash.processes import web_server
from tests.crash.wire import settled_leftovers

MIB = 1024 * 1024
DISK = 4 * MIB
# A database with its journal needs some megabytes of its own.
DISK_WITH_DATABASE = 24 * MIB


@contextmanager
def small_disk(size: int) -> Iterator[Path | None]:
    """A file system of ``size`` bytes, or None where this process may not mount one."""
    directory = Path(tempfile.mkdtemp(prefix="vault-disk-"))
    mounted = not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "vault", str(directory)],
        capture_output=True,
        check=False,
    ).returncode
    try:
        yield directory if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(directory)], check=True)
        directory.rmdir()


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    with embedded_installation(tmp_path / "vault", **GRACE) as vault:
        _assert_full_disk_is_harmless(vault, largest_file=DISK)


def test_a_full_disk_of_documents_is_harmless(tmp_path: Path) -> None:
    with small_disk(DISK) as disk:
        store = {"LOCAL_STORAGE_PATH": str(disk / "storage")} if disk else {}
        with embedded_installation(tmp_path / "vault", **GRACE, **store) as vault:
            _assert_full_disk_is_harmless(vault, largest_file=None if disk else DISK)


def _assert_full_disk_is_harmless(vault: Installation, *, largest_file: int | None = None) -> None:
    person = forgetting(vault.person)
    with web_server(vault.processes, largest_file=largest_file) as web, person.client(web.url) as client:
        for _time in range(3):
            _assert_refused(client, os.urandom(2 * DISK))
            assert settled_leftovers(vault) == {}
            person.upload(client, b"a small one still fits")
        for document, digest in person.acknowledged.items():
            assert person.digest_of_stored(client, document) == digest
        assert person.listed(client) == set(person.acknowledged)


def _assert_refused(client: httpx.Client, content: bytes) -> None:
    answer = client.post(API, content=content, headers={"X-Filename": "large.pdf"})
    assert answer.status_code == 507, answer.text
    assert answer.json()["type"] == "urn:document-vault:storage-full"


def test_a_full_disk_with_the_database_on_it_is_harmless(tmp_path: Path) -> None:
    with small_disk(DISK_WITH_DATABASE) as disk:
        place = disk or tmp_path / "vault"
        with embedded_installation(place / "vault", **GRACE) as vault:
            _fill_and_free(vault, disk)
            assert vault.leftovers_after_grace() == {}


def _fill_and_free(vault: Installation, disk: Path | None) -> None:
    """Fill the disk to the last byte, ask for everything, free it, and ask again."""
    person, filler = forgetting(vault.person), vault.directory / "filler"
    with (
        web_server(vault.processes, largest_file=None if disk else 2 * MIB) as web,
        person.client(web.url) as client,
    ):
        kept = person.upload(client, b"before")
        if disk:
            _fill(filler, disk)
        refused = client.post(API, content=os.urandom(3 * MIB), headers={"X-Filename": "a.pdf"})
        if disk:
            assert (refused.status_code, refused.json()["type"]) == (503, "urn:document-vault:database-unavailable")
        else:
            assert refused.status_code == 507, refused.text
        assert httpx.get(f"{web.url}/healthz").status_code == 200
        filler.unlink(missing_ok=True)
        assert person.digest_of_stored(client, kept) == person.acknowledged[kept]
        person.upload(client, b"after")
        assert person.listed(client) == set(person.acknowledged)


def _fill(filler: Path, disk: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        while free := shutil.disk_usage(disk).free:
            file.write(b"x" * min(free, MIB))
