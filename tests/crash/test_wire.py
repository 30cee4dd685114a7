"""Lies and accidents on the wire, against a real server: refused, cleaned up, and never taken for a request."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.crash.client import API, digest_of
from tests.crash.installation import GRACE, Installation, embedded_installation, forgetting
from tests.crash.processes import Web, web_server
from tests.crash.wire import HEALTHZ, answers_to, connect, post, settled_leftovers, statuses

LIMIT = 1_000_000
FORM = "Content-Type: multipart/form-data; boundary=limit"
END_LEASES = "UPDATE documents_stagedattachment SET expires_at = '2000-01-01 00:00:00' WHERE state = 'receiving'"
FORM_START = b'--limit\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    graces = {**GRACE, "VAULT_MAX_UPLOAD_SIZE": str(LIMIT), "VAULT_UPLOAD_LEASE": "60"}
    with embedded_installation(tmp_path_factory.mktemp("wire"), **graces) as installation:
        yield installation


@pytest.fixture(scope="module")
def web(vault: Installation) -> Iterator[Web]:
    with web_server(vault.processes) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_is_left_and_the_next_upload_works(vault: Installation, web: Web) -> Iterator[None]:
    yield
    assert settled_leftovers(vault) == {}
    person = forgetting(vault.person)
    with person.client(web.url) as client:
        person.upload(client, b"the next one")


def test_a_length_beyond_the_limit_is_refused_before_the_body(vault: Installation, web: Web) -> None:
    answers = answers_to(web.port, post(vault.person.token, "Content-Length: 100000000000"))
    assert statuses(answers) == [413]
    assert b"upload-too-large" in answers


@pytest.mark.parametrize(
    ("head", "status"),
    [(f"Content-Length: {LIMIT * 2}", 413), ("Content-Length: 100000000000", 413), ("Expect: nothing", 411)],
)
def test_the_body_of_a_refused_upload_is_never_a_request(vault: Installation, web: Web, head: str, status: int) -> None:
    body = HEALTHZ * 3
    headers = [head] if status == 413 else ["Transfer-Encoding: chunked"]
    sent = body if status == 413 else f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    found = statuses(answers_to(web.port, post(vault.person.token, *headers), sent, HEALTHZ))
    # The connection is closed, or it goes on after the whole body: with the one request that was sent there.
    assert found in ([status], [status, 200])
    assert not (status == 413 and len(found) > 1)


def test_the_body_of_somebody_unknown_is_never_a_request(web: Web) -> None:
    head = post("", f"Content-Length: {len(HEALTHZ) * 3 + 400_000}")
    assert statuses(answers_to(web.port, head, HEALTHZ * 3, HEALTHZ)) == [401]


def test_an_upload_without_a_length_is_refused(vault: Installation, web: Web) -> None:
    chunked = post(vault.person.token, "Transfer-Encoding: chunked")
    assert statuses(answers_to(web.port, chunked, b"5\r\nhello\r\n0\r\n\r\n")) == [411]


@pytest.mark.parametrize(
    "lies", [("Content-Length: 5", "Transfer-Encoding: chunked"), ("Content-Length: 5", "Content-Length: 6")]
)
def test_two_lengths_are_refused_and_the_connection_ends(vault: Installation, web: Web, lies: tuple[str, str]) -> None:
    found = statuses(answers_to(web.port, post(vault.person.token, *lies), b"5\r\nhello\r\n0\r\n\r\n", HEALTHZ))
    assert len(found) == 1
    assert found[0] in (400, 411)


def test_bytes_beyond_the_length_are_the_next_request_and_not_the_document(vault: Installation, web: Web) -> None:
    answers = answers_to(web.port, post(vault.person.token, "Content-Length: 5"), b"hello" + HEALTHZ, expected=2)
    assert statuses(answers) == [201, 200]
    assert digest_of(b"hello").encode() in answers


@pytest.mark.parametrize("sent", [0, 5, 300_000])
def test_fewer_bytes_than_announced_are_no_document(vault: Installation, web: Web, sent: int) -> None:
    answers = answers_to(web.port, post(vault.person.token, "Content-Length: 600000"), b"x" * sent, half_close=True)
    assert statuses(answers) == [400]
    assert b"upload-incomplete" in answers


@pytest.mark.parametrize("kind", ["Content-Type: application/pdf", FORM])
def test_a_client_that_goes_away_leaves_nothing(vault: Installation, web: Web, kind: str) -> None:
    with connect(web.port) as connection:
        connection.sendall(post(vault.person.token, kind, "Content-Length: 900000"))
        connection.sendall(FORM_START + b"x" * 500_000)
        time.sleep(0.3)
    person = forgetting(vault.person)
    with person.client(web.url) as client:
        assert not any(item["size"] == 500_000 for item in client.get(API).json()["items"])


@pytest.mark.parametrize("end", [b"", b"\r\n--lim", b"\r\n--limit\r\nContent-Dis"])
def test_a_form_that_ends_before_its_last_boundary_is_no_document(vault: Installation, web: Web, end: bytes) -> None:
    body = FORM_START + b"x" * 300_000 + end
    answers = answers_to(web.port, post(vault.person.token, FORM, f"Content-Length: {len(body)}"), body)
    assert statuses(answers) == [400], answers


def test_an_upload_that_stalls_holds_up_nobody_else(vault: Installation, web: Web) -> None:
    person = forgetting(vault.person)
    with connect(web.port) as stalled, person.client(web.url) as client:
        stalled.sendall(post(vault.person.token, "Content-Length: 900000") + b"x" * 1000)
        time.sleep(0.2)
        person.upload(client, b"meanwhile")


def test_an_upload_that_outlives_its_lease_is_refused_in_the_end(vault: Installation, web: Web) -> None:
    with web_server(vault.processes) as server, connect(server.port) as slow:
        slow.sendall(post(vault.person.token, "Content-Length: 20") + b"x" * 10)
        _end_the_lease_of_what_is_received(vault)
        vault.processes.run("task", names=["sweep_uploads"])
        slow.sendall(b"x" * 10)
        assert slow.recv(100).split()[1] == b"404"


def _end_the_lease_of_what_is_received(vault: Installation, *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    with closing(sqlite3.connect(vault.database_url.removeprefix("sqlite:///"), timeout=seconds)) as database:
        ended = 0
        while not ended and time.monotonic() < deadline:
            with database:
                ended = database.execute(END_LEASES).rowcount
            time.sleep(0.05)
    assert ended == 1, "the upload was never begun"
