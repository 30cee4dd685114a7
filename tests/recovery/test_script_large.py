"""Memory of the script, whatever the size and the number of objects."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from documents.encryption.envelope import EnvelopeIds, Metadata
from documents.encryption.files import seal_file
from tests.recovery.objects import BEGAN, RING, SCRIPT, VAULT, Shelf, files_in, manifest_of

MIB = 1024 * 1024
# What a transfer may take beyond an idle process (the design's figure for every transfer).
ROOM = 64 * MIB


def peak(*arguments: object) -> int:
    """Run the script to a good end; the most memory that it had resident, in bytes."""
    process = subprocess.Popen([sys.executable, "-I", SCRIPT, *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


@pytest.fixture
def idle(tmp_path: Path, recovery_key: Path) -> int:
    """The peak of a run that has nothing to do."""
    (tmp_path / "nothing").mkdir()
    return peak("--from", tmp_path / "nothing", "--list", "--key", recovery_key)


@pytest.mark.parametrize("size", [160 * MIB, pytest.param(2_100 * MIB, marks=pytest.mark.long)])
def test_a_large_object_takes_no_more_memory_than_a_small_one(
    shelf: Shelf, out: Path, recovery_key: Path, tmp_path: Path, idle: int, size: int
) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    os.truncate(plain, size)
    ids = EnvelopeIds(VAULT, uuid4(), uuid4())
    seal_file(plain, shelf.root / "large.vlt", ids=ids, metadata=Metadata("large", "", "alice", BEGAN), key_ring=RING)
    assert peak("--from", shelf.root, "--to", out, "--key", recovery_key) < idle + ROOM
    assert (out / "alice/large").stat().st_size == size
    assert manifest_of(out)["large.vlt"]["size"] == size


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_ten_thousand_documents_come_back_with_their_names(
    shelf: Shelf, out: Path, recovery_key: Path, idle: int
) -> None:
    for number in range(10_000):
        shelf.put(str(number).encode(), filename=f"{number}.txt", owner=f"user {number % 7}")
    taken = peak("--from", shelf.root, "--to", out, "--key", recovery_key)
    assert taken < idle + ROOM
    found = files_in(out)
    assert found == {f"user {number % 7}/{number}.txt": str(number).encode() for number in range(10_000)}
    sys.stdout.write(f"{len(found):,} of 10,000 recovered, {(taken - idle) / MIB:.0f} MiB beyond idle\n")
