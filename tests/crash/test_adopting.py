"""Adopting killed at every named place: run again, each original is one document, and nothing stays behind."""

import json
from pathlib import Path

import pytest

from documents.failpoints import NAMES
from tests.adopting.older import everything_below, lay_envelope
from tests.crash.client import Person, digest_of
from tests.crash.installation import GRACE, Installation, embedded_installation
from tests.crash.processes import web_server
from tests.legacy.making import pem_of_older

KILLED = -9
# The lines before are an upload's own, which other tests visit.
ADOPTING = ("upload.object-stored", "adopt.verified", "adopt.in-transaction", "adopt.committed")
RESEALING = ("upload.object-stored", "adopt.verified", "adopt.resealing", "adopt.resealed")
REGISTERING = ("adopt.registering", "adopt.registered")
CONTENTS = [b"paper %d" % number * 1000 for number in range(3)]


def adopt(vault: Installation, *arguments: str, failpoint: str = "") -> tuple[int | None, str]:
    given = ["adopt_documents", *arguments, "--no-input", "--format", "json", "--workers", "1"]
    process = vault.processes.start("manage", arguments=given, environment={"VAULT_FAILPOINT": failpoint})
    return process.wait(60), process.log.read_text()


def killed_then_run(vault: Installation, *arguments: str, failpoint: str) -> dict[str, int]:
    """What the second run did; the first died at the failpoint."""
    status, told = adopt(vault, *arguments, failpoint=failpoint)
    assert (status, f"failpoint {failpoint}: killed" in told) == (KILLED, True), told
    status, told = adopt(vault, *arguments)
    assert status == 0, told
    counts: dict[str, int] = json.loads(told[told.index("{\n") :])["counts"]
    return {name: count for name, count in counts.items() if count}


def lay_three(root: Path, name: str) -> None:
    for number, content in enumerate(CONTENTS):
        lay_envelope(root, f"documents/user_1/2024/01/15/{number}_{name}.txt_txt.json", content)


def digests_of_all(vault: Installation, person: Person) -> list[str]:
    with web_server(vault.processes) as web, person.client(web.url) as client:
        return sorted(person.digest_of_stored(client, document) for document in person.listed(client))


@pytest.mark.timeout(240)
def test_adopting_that_is_killed_anywhere_goes_on_and_adopts_nothing_twice(tmp_path: Path) -> None:
    with embedded_installation(tmp_path, **GRACE, VAULT_LEGACY_KEY=pem_of_older()) as vault:
        for name in ADOPTING:
            older = tmp_path / "older" / name
            lay_three(older, name)
            before = everything_below(older)
            done = killed_then_run(vault, str(older), failpoint=name)
            assert done == ({"adopted": 2, "already-adopted": 1} if name == "adopt.committed" else {"adopted": 3})
            assert everything_below(older) == before
        wanted = sorted(digest_of(content) for content in CONTENTS for _ in ADOPTING)
        assert digests_of_all(vault, vault.person) == wanted
        assert vault.leftovers_after_grace() == {}


@pytest.mark.timeout(240)
def test_reading_in_place_and_sealing_anew_killed_anywhere_lose_nothing(tmp_path: Path) -> None:
    with embedded_installation(tmp_path, **GRACE, VAULT_LEGACY_KEY=pem_of_older()) as vault:
        storage = Path(vault.environment["LOCAL_STORAGE_PATH"])
        for name in REGISTERING:
            lay_three(storage, name)
            done = killed_then_run(vault, "local", "--in-place", failpoint=name)
            assert done["registered"] == (2 if name == "adopt.registered" else 3)
        for name in RESEALING:
            lay_three(storage, name)
            adopt(vault, "local", "--in-place")
            done = killed_then_run(vault, "--reseal", failpoint=name)
            assert done["resealed"] >= 2
        rounds = len(REGISTERING) + len(RESEALING)
        wanted = sorted(digest_of(content) for content in CONTENTS for _ in range(rounds))
        assert digests_of_all(vault, vault.person) == wanted
        originals = set(storage.rglob("*.json"))
        assert len(originals) == 3 * rounds, "each original is where it was"
        for path in originals:
            path.unlink()
        assert vault.leftovers_after_grace() == {}


def test_every_failpoint_of_adopting_is_visited() -> None:
    visited = {*ADOPTING, *RESEALING, *REGISTERING, "adopt.file-sealed"}
    assert {name for name in NAMES if name.startswith("adopt.")} <= visited
