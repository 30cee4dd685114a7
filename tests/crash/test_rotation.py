"""A rotation killed at every named place and at random: every document opens all the time, and nothing is lost."""

import time
from dataclasses import dataclass
from random import Random

import pytest

from documents.encryption.vectors.keys import kek_id
from documents.failpoints import NAMES
from tests.crash.fire import Fire, Scale, asked_for, faults_in_logs, seed_of_test, upload_files
from tests.crash.moving import (
    Moving,
    assert_everything_reads,
    change_rows,
    end_shares,
    objects_of_rows,
    upload_some,
)
from tests.crash.people import People
from tests.crash.processes import Process
from tests.crash.rotating import (
    KEKS,
    ROTATE,
    add_second_key,
    assert_wrapped_for,
    list_keks,
    manage,
    newest_rotation,
    start,
)
from tests.crash.site import Site, kept_up, wait_for

REWRAPPING = [name for name in NAMES if name.startswith("rewrap.")]


def test_a_rotation_killed_at_any_failpoint_goes_on_and_loses_nothing(moving: Moving) -> None:
    vault = moving.vault
    add_second_key(vault)
    upload_some(vault, 5)
    there, other = KEKS[1], KEKS[0]
    for name in ("kek.designated", *REWRAPPING):
        begin = (ROTATE, "--to", kek_id(there).hex(), "--inline")
        status, told = manage(vault, *begin, failpoint=name)
        assert (status, f"failpoint {name}: killed" in told) == (-9, True), told
        end_shares(vault)
        status, told = manage(vault, ROTATE, "--resume", "--inline")
        assert status == 0, told
        assert_wrapped_for(moving, there)
        there, other = other, there
    assert_everything_reads(vault)


def test_sealing_anew_killed_at_any_failpoint_goes_on_and_leaves_nothing(moving_embedded: Moving) -> None:
    vault = moving_embedded.vault
    upload_some(vault, 4)
    before = objects_of_rows(vault)["local"]
    for name in ("reseal.in-transaction", "reseal.committed"):
        begin = ("reseal_documents", "--all", "--inline")
        status, told = manage(vault, *begin, failpoint=name)
        assert (status, f"failpoint {name}: killed" in told) == (-9, True), told
        end_shares(vault)
        status, told = manage(vault, "reseal_documents", "--resume", "--inline")
        assert status == 0, told
        after = objects_of_rows(vault)["local"]
        assert len(after) == 4
        assert not after & before
        before = after
    assert vault.leftovers_after_grace() == {}
    assert_everything_reads(vault)


def test_a_destruction_killed_at_any_failpoint_is_ended_by_the_next_call(moving_embedded: Moving) -> None:
    vault = moving_embedded.vault
    add_second_key(vault)
    upload_some(vault, 3)
    old, new = (kek_id(name).hex() for name in KEKS)
    for arguments in ((ROTATE, "--to", new, "--inline"), ("retire_kek", old), ("destroy_kek", old, "--no-input")):
        status, told = manage(vault, *arguments)
        assert status == 0, told
    change_rows(vault, "UPDATE documents_kekrecord SET destruction_due_at = '2026-01-01 00:00:00Z'")
    confirm = ("destroy_kek", old, "--confirm", "--no-input")
    for name in ("kek.destruction-begun", "kek.files-deleted"):
        status, told = manage(vault, *confirm, failpoint=name)
        assert (status, f"failpoint {name}: killed" in told) == (-9, True), told
        assert list_keks(vault)[old]["destroyed_at"] is None
    status, told = manage(vault, *confirm)
    assert status == 0, told
    assert list_keks(vault)[old]["destroyed_at"]
    assert not (vault.directory / "keys" / "primary.pem").exists()
    assert_everything_reads(vault)


def test_a_new_kek_whose_maker_died_is_in_the_ring(moving_embedded: Moving) -> None:
    vault = moving_embedded.vault
    status, told = manage(vault, "create_kek", failpoint="kek.file-written")
    assert (status, "kek.file-written: killed" in told) == (-9, True)
    [made] = [kek for kek in list_keks(vault).values() if kek["role"] == "older"]
    assert made["opens"]


SHORT = Scale(documents=16, kills=4, readers=3, pause=0.3)
LONG = asked_for(Scale(documents=5000, kills=100, readers=20, pause=2))


def test_a_few_random_kills_leave_everything_readable(moving: Moving) -> None:
    rotate_under_fire(moving, SHORT)


@pytest.mark.long
@pytest.mark.timeout(14400)
def test_a_hundred_random_kills_leave_everything_readable(moving: Moving) -> None:
    rotate_under_fire(moving, LONG)


def rotate_under_fire(moving: Moving, scale: Scale) -> None:
    """From one KEK to the other and back until all kills are spent; then the old one is destroyed."""
    seed = seed_of_test()
    vault, fire = moving.vault, Rotations(moving, Random(seed), kills=scale.kills)  # noqa: S311
    add_second_key(vault)
    started = time.monotonic()
    with kept_up(vault) as site:
        people = People(vault.person, site, seed)
        size = upload_files(people, site, Random(seed), scale.documents)  # noqa: S311
        with people.at_work(readers=scale.readers, others=1, pause=scale.pause):
            there, other = KEKS[1], KEKS[0]
            while fire.kills or there != KEKS[1]:
                fire.rotate(site, there)
                there, other = other, there
        fire.rotate(site, there)
        assert people.wrong == []
        destroy(moving, other)
        with vault.person.client(site.url) as client:
            people.assert_all_is_there(client)
    assert faults_in_logs(vault) == []
    assert_wrapped_for(moving, there)
    print(f"{scale.documents} documents, {size:,} bytes, {fire.runs} rotations in {time.monotonic() - started:.0f} s")  # noqa: T201
    print(f"killed: {dict(fire.killed + site.killed)}; answered: {dict(people.answered)}")  # noqa: T201
    assert (fire.killed + site.killed).total() == scale.kills


def destroy(moving: Moving, name: str) -> None:
    """The KEK is retired, asked to be destroyed, and destroyed as if its time had come."""
    vault, old = moving.vault, kek_id(name).hex()

    def is_retired() -> bool:
        # An upload that the last kill left unfinished may be sealed for it; the sweeper clears that away.
        vault.processes.run("task", names=["sweep_uploads"])
        return manage(vault, "retire_kek", old)[0] == 0

    assert wait_for(is_retired, seconds=60), manage(vault, "retire_kek", old)[1]
    for arguments in (("destroy_kek", old, "--no-input"), ("destroy_kek", old, "--confirm", "--no-input")):
        status, told = manage(vault, *arguments)
        assert status == 0, told
        change_rows(vault, "UPDATE documents_kekrecord SET destruction_due_at = '2026-01-01 00:00:00Z'")


@dataclass
class Rotations(Fire):
    """How many came to their end."""

    runs: int = 0

    def rotate(self, site: Site, name: str) -> None:
        """Have one rotation come to its good end."""
        vault = self.moving.vault
        before, _state = newest_rotation(vault)
        begin = (ROTATE, "--to", kek_id(name).hex())

        def again() -> Process:
            number, state = newest_rotation(vault)
            is_over = number > before and state == "succeeded"
            return start(vault, *((ROTATE, "--resume", str(number)) if number > before and not is_over else begin))

        self.strike(site, start(vault, *begin), again)
        number, state = newest_rotation(vault)
        assert (number > before, state) == (True, "succeeded")
        self.runs += 1
