"""Where the private key is, and where it is not: the memory and the files of a running vault are searched for it.

The vault's KEK is hybrid here, so that an RSA key and an ML-KEM key are looked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from documents.encryption.vectors.keys import pem_of
from tests.crash.client import API, Person
from tests.crash.installation import Installation, embedded_installation
from tests.crash.private_keys import in_files, in_memory, needles_of
from tests.crash.processes import Processes, Web, web_server
from tests.keyring import write_keys
from tests.keyservice.serving import unwrap_service

CONTENT = b"a testament" * 10_000
NEEDLES = needles_of(pem_of("hybrid-primary"))


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key directory without the private half of a KEK."""
    return write_keys(
        tmp_path_factory.mktemp("public"), seal_only=True, primary="hybrid-primary", recovery="hybrid-recovery"
    )


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key directory with it, as a vault without a key service has, or a key service."""
    directory = tmp_path_factory.mktemp("private")
    write_keys(directory / "keys", primary="hybrid-primary", recovery="hybrid-recovery")
    return directory


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory, public: Path) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("vault")
    with embedded_installation(directory, VAULT_KEYS_DIR=str(public)) as found:
        yield found


@contextmanager
def web(vault: Installation, **environment: str) -> Iterator[Web]:
    """Its web server, with other keys."""
    logs = vault.directory / "logs" / "-".join(environment)
    logs.mkdir(exist_ok=True)
    processes = Processes({**vault.environment, **environment}, logs)
    try:
        with web_server(processes) as server:
            yield server
    finally:
        processes.close()


def searched(server: Web) -> set[str]:
    """What of the private key is in the memory of the web server, of every process of it."""
    processes = [server.process.number, *(child.pid for child in server.process.children())]
    assert len(processes) > 1
    return set().union(*(in_memory(process, NEEDLES) for process in processes))


def upload(server: Web, person: Person) -> str:
    with person.client(server.url) as client:
        answer = client.post(API, content=CONTENT, headers={"X-Filename": "a.pdf", "Content-Type": "application/pdf"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_an_upload_tier_has_no_private_key_and_opens_nothing(vault: Installation, public: Path, private: Path) -> None:
    with web_server(vault.processes) as server:
        document = upload(server, vault.person)
        with vault.person.client(server.url) as client:
            refused = client.get(f"{API}/{document}/content")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:document-vault:seal-only")
        assert "takes documents in and cannot open them" in refused.json()["detail"]
        assert searched(server) == set()
    for directory in (public, *(vault.directory / name for name in ("data", "temporary", "logs"))):
        assert in_files(directory, NEEDLES) == set()
    assert in_files(private, NEEDLES) >= {"RSA PEM", "ML-KEM PEM"}, "the search finds what is there"


def test_with_a_key_service_the_web_tier_opens_documents_and_never_has_the_key(
    vault: Installation, private: Path
) -> None:
    with unwrap_service(private) as service, web(vault, VAULT_KEY_SERVICE=str(service.address)) as server:
        document = upload(server, vault.person)
        with vault.person.client(server.url) as client:
            content = client.get(f"{API}/{document}/content").raise_for_status().content
        assert content == CONTENT
        assert "given" in service.outcomes()
        assert searched(server) == set()


def test_the_search_finds_the_key_of_a_web_server_that_has_it(vault: Installation, private: Path) -> None:
    with web(vault, VAULT_KEYS_DIR=str(private / "keys")) as server:
        document = upload(server, vault.person)
        with vault.person.client(server.url) as client:
            assert client.get(f"{API}/{document}/content").raise_for_status().content == CONTENT
        found = searched(server)
    assert {"RSA d", "RSA p", "RSA q", "ML-KEM seed"} <= {name.removesuffix(", reversed") for name in found}
