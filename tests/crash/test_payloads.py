"""Attributes and their payloads, killed on every line where dying matters: all or nothing, and nothing stays behind."""

import time
from typing import Any

import httpx
import pytest

from tests.crash.client import API, CONNECTION_LOST
from tests.crash.installation import SWEEPS, Installation, forgetting
from tests.crash.leftovers import rows
from tests.crash.processes import web_server

EARLIER, WANTED = {"long": "before" * 500}, {"long": "after" * 500, "longer": ["after"] * 1000, "short": 1}
# Every line that a payload passes on its way, and whether the attributes were changed by then.
ON_THE_WAY = {
    "upload.intent-committed": False,
    "upload.header-written": False,
    "upload.body-sealed": False,
    "upload.object-stored": False,
    "upload.object-confirmed": False,
    "payload.row-stored": False,
    "attributes.in-transaction": False,
    "attributes.committed": True,
    "deletion.object-deleted": True,
}


def attributes_of(client: httpx.Client, document: str) -> Any:
    return client.get(f"{API}/{document}").raise_for_status().json()["attributes"]


def set_attributes(client: httpx.Client, document: str, attributes: dict[str, Any]) -> httpx.Response:
    return client.patch(f"{API}/{document}", json={"attributes": attributes}).raise_for_status()


@pytest.mark.timeout(240)
def test_attributes_are_the_earlier_or_the_new_ones_wherever_the_process_dies(installation: Installation) -> None:
    person = forgetting(installation.person)
    with web_server(installation.processes) as web, person.client(web.url) as client:
        document = person.upload(client, b"a payslip")
    for name, is_changed in ON_THE_WAY.items():
        with web_server(installation.processes) as web, person.client(web.url) as client:
            set_attributes(client, document, EARLIER)
        with web_server(installation.processes, failpoint=name) as web, person.client(web.url) as client:
            with pytest.raises(CONNECTION_LOST):
                set_attributes(client, document, WANTED)
            web.wait_until_dead()
            assert f"failpoint {name}: killed" in web.process.log.read_text()
        with web_server(installation.processes) as web, person.client(web.url) as client:
            assert attributes_of(client, document) == (WANTED if is_changed else EARLIER), name
    assert installation.leftovers_after_grace() == {}
    with web_server(installation.processes) as web, person.client(web.url) as client:
        assert attributes_of(client, document) == WANTED


def test_a_sweeper_killed_after_its_commit_leaves_its_objects_to_the_next(installation: Installation) -> None:
    person = forgetting(installation.person)
    armed = {"VAULT_FAILPOINT": "payload.rows-removed"}
    with web_server(installation.processes, failpoint="payload.row-stored") as web, person.client(web.url) as client:
        document = person.upload(client, b"a payslip")
        with pytest.raises(CONNECTION_LOST):
            set_attributes(client, document, WANTED)
        web.wait_until_dead()
    deadline = time.monotonic() + 30
    sweeper = installation.processes.start("task", names=["sweep_payloads"], environment=armed)
    while sweeper.wait(30) == 0 and time.monotonic() < deadline:  # the first looks, until the second is due
        time.sleep(0.5)
        sweeper = installation.processes.start("task", names=["sweep_payloads"], environment=armed)

    assert "failpoint payload.rows-removed: killed" in sweeper.log.read_text()
    assert len(rows(installation.database_url, "SELECT id FROM documents_objectremoval")) == 1
    assert "sweep_removals" in SWEEPS
    assert installation.leftovers_after_grace() == {}
