"""Damaged, missing and unreachable objects, and keys that cannot be used, as a client on a socket sees them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.crash.client import API, Person
from tests.crash.installation import GRACE, Installation, embedded_installation, forgetting
from tests.crash.leftovers import rows
from tests.crash.processes import Processes, Web, web_server
from tests.crash.wire import settled_leftovers
from tests.services.processes import free_port

CHUNK = 256 * 1024
CONTENT = os.urandom(3 * CHUNK)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with embedded_installation(tmp_path_factory.mktemp("faults"), **{**GRACE, "VAULT_UPLOAD_LEASE": "60"}) as found:
        yield found


@pytest.fixture
def web(vault: Installation) -> Iterator[Web]:
    with web_server(vault.processes) as server:
        yield server


@pytest.fixture
def person(vault: Installation) -> Person:
    return forgetting(vault.person)


@pytest.fixture
def client(web: Web, person: Person) -> Iterator[httpx.Client]:
    with person.client(web.url) as client:
        yield client


def object_of(vault: Installation, document: str) -> Path:
    query = f"SELECT storage_path FROM documents_attachment WHERE document_id = '{document.replace('-', '')}'"  # noqa: S608
    return Path(vault.environment["LOCAL_STORAGE_PATH"], rows(vault.database_url, query)[0][0])


def damage(path: Path, *, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("by_link", [False, True])
@pytest.mark.parametrize("byte_range", ["", f"bytes=0-{len(CONTENT) - 1}", f"bytes={CHUNK // 2}-", "bytes=5-600000"])
def test_a_damaged_chunk_breaks_the_transfer_where_it_begins(
    vault: Installation, client: httpx.Client, person: Person, byte_range: str, by_link: bool
) -> None:
    document = person.upload(client, CONTENT)
    path = person.link_to(client, document) if by_link else f"{API}/{document}/content"
    stored = object_of(vault, document)
    damage(stored, at=stored.stat().st_size - 2 * CHUNK + 1000)
    received = bytearray()
    with client.stream("GET", path, headers={"Range": byte_range} if byte_range else {}) as answer:
        assert answer.status_code == (206 if byte_range else 200)
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(byte for piece in answer.iter_raw() for byte in piece)
    start = int(byte_range[6:].partition("-")[0]) if byte_range else 0
    assert CONTENT[start:].startswith(received)
    assert start + len(received) <= CHUNK


def test_a_damaged_first_chunk_is_a_problem_and_not_a_page(
    vault: Installation, client: httpx.Client, person: Person
) -> None:
    document = person.upload(client, CONTENT)
    stored = object_of(vault, document)
    damage(stored, at=stored.stat().st_size - 3 * CHUNK + 1000)
    _assert_problem(client.get(f"{API}/{document}/content"), status=502, code="document-unreadable")


def test_a_missing_object_is_a_problem(vault: Installation, client: httpx.Client, person: Person) -> None:
    document = person.upload(client, CONTENT)
    object_of(vault, document).unlink()
    _assert_problem(client.get(f"{API}/{document}/content"), status=502, code="document-unreadable")
    _assert_problem(client.get(person.link_to(client, document)), status=502, code="document-unreadable")


def test_a_store_that_is_down_is_a_problem_and_leaves_nothing(tmp_path: Path) -> None:
    s3 = {
        "STORAGE_TYPE": "s3",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "S3_ACCESS_KEY": "nobody",
        "S3_SECRET_KEY": "nobody",
        "S3_BUCKET": "nowhere",
    }
    with (
        embedded_installation(tmp_path / "down", **GRACE, **s3) as vault,
        web_server(vault.processes) as web,
        vault.person.client(web.url) as client,
    ):
        for content in (b"small", os.urandom(9 * 1024 * 1024)):
            started = time.monotonic()
            answer = client.post(API, content=content, headers={"X-Filename": "a.pdf"})
            _assert_problem(answer, status=503, code="storage-unavailable")
            assert answer.headers["Retry-After"] == "60"
            assert time.monotonic() - started < 30
        assert client.get("/readyz").json()["storage"] == "failed"
        assert client.get(API).json()["items"] == []
        assert settled_leftovers(vault) == {}


def _assert_problem(answer: httpx.Response, *, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:document-vault:{code}"


def protect_with_another_passphrase(key: Path) -> None:
    pem = load_pem_private_key(key.read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"nobody knows")
    )
    key.write_bytes(pem)


def remove(key: Path) -> None:
    key.unlink()


def open_to_everybody(key: Path) -> None:
    key.chmod(0o644)


KEY_FAULTS = {
    "passphrase": (protect_with_another_passphrase, "VAULT_KEK_PASSPHRASE"),
    "missing": (remove, "primary.pem"),
    "open": (open_to_everybody, "chmod 600"),
}


@pytest.mark.parametrize("fault", KEY_FAULTS)
def test_a_key_that_cannot_be_used_is_named_by_the_check_and_by_readiness(vault: Installation, fault: str) -> None:
    spoil, named = KEY_FAULTS[fault]
    key = Path(vault.environment["VAULT_KEYS_DIR"]) / "primary.pem"
    sound = key.read_bytes()
    try:
        spoil(key)
        assert named in _failing_check(vault.processes)
        with web_server(vault.processes) as web:
            ready = httpx.get(f"{web.url}/readyz")
            assert ready.status_code == 503
            assert [part for part, state in ready.json().items() if state != "ok"] == ["keys"]
    finally:
        key.write_bytes(sound)
        key.chmod(0o600)


def _failing_check(processes: Processes) -> str:
    check = processes.start("command", arguments=["check"])
    assert check.wait(30) == 1
    return check.log.read_text()
