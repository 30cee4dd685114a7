"""Killed at every named place: nothing acknowledged is lost, nothing else stays."""

import os
from collections.abc import Callable

import httpx
import pytest

from documents.failpoints import NAMES
from tests.crash.client import API, CONNECTION_LOST, Person
from tests.crash.installation import Installation, forgetting
from tests.crash.processes import web_server

Act = Callable[[Person, httpx.Client, str], object]
# The document that an act is about is there before; SMALL is put in one call, LARGE in parts.
ATTRIBUTES = {"small": "a", "large": "x" * 5000, "another": ["y"] * 5000}
SMALL, LARGE = b"a payslip" * 100, os.urandom(9 * 1024 * 1024)


def upload(person: Person, client: httpx.Client, _document: str) -> object:
    return person.upload(client, LARGE + os.urandom(8))


def upload_refused_form(_person: Person, client: httpx.Client, _document: str) -> object:
    return client.post(API, files=[("file", ("one.pdf", b"1")), ("file", ("two.pdf", b"2"))])


def delete(person: Person, client: httpx.Client, document: str) -> object:
    del person.acknowledged[document]
    return client.delete(f"{API}/{document}")


def download(_person: Person, client: httpx.Client, document: str) -> object:
    return client.get(f"{API}/{document}/content")


def follow_link(person: Person, client: httpx.Client, document: str) -> object:
    return httpx.get(client.base_url.join(person.link_to(client, document)))


def set_attributes(_person: Person, client: httpx.Client, document: str) -> object:
    return client.patch(f"{API}/{document}", json={"attributes": ATTRIBUTES})


ACTS: dict[str, Act] = {
    "upload": upload,
    "confirm": upload,
    "discard": upload_refused_form,
    "deletion": delete,
    "payload": set_attributes,
    "attributes": set_attributes,
    "download": download,
    "link": follow_link,
}
# These run in no web server: test_adopting.py, test_collector.py, test_migration.py, test_payloads.py, test_rotation.py
# and test_recovery.py kill them.
ELSEWHERE = ("adopt.", "collect.", "migrate.", "payload.rows-removed", "kek.", "rewrap.", "reseal.", "recover.")
REACHED = [name for name in NAMES if not name.startswith(ELSEWHERE)]
# A document is there, whole, whose last answer was lost: its upload was committed, or its deletion was not.
STILL_VISIBLE = {"confirm.committed", "deletion.in-transaction"}


@pytest.mark.timeout(240)
def test_a_process_killed_at_any_failpoint_loses_nothing_and_leaves_nothing(installation: Installation) -> None:
    person, unanswered = forgetting(installation.person), set[str]()
    for name in REACHED:
        with web_server(installation.processes, failpoint=name) as web, person.client(web.url) as client:
            _die_at(name, person, client)
            web.wait_until_dead()
            assert f"failpoint {name}: killed" in web.process.log.read_text()
        with web_server(installation.processes) as web, person.client(web.url) as client:
            visible = person.listed(client) - set(person.acknowledged) - unanswered
            assert len(visible) == (1 if name in STILL_VISIBLE else 0), name
            unanswered |= visible
    with web_server(installation.processes) as web, person.client(web.url) as client:
        for document, digest in person.acknowledged.items():
            assert person.digest_of_stored(client, document) == digest
        assert {person.digest_of_stored(client, document) for document in unanswered} <= person.attempted
    assert installation.leftovers_after_grace() == {}


def _die_at(name: str, person: Person, client: httpx.Client) -> None:
    """Do what ends at the failpoint. The document that it is done to is uploaded before, on the armed server."""
    act = ACTS[name.partition(".")[0]]
    document = "" if act is upload else person.upload(client, SMALL)
    with pytest.raises(CONNECTION_LOST):
        act(person, client, document)


def test_every_failpoint_has_an_act_that_reaches_it() -> None:
    assert {name.partition(".")[0] for name in REACHED} == set(ACTS)
