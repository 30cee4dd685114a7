"""Interrupted runs: the next one goes on, trusts no file unseen, and nothing half done ever looks whole."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from documents.encryption.vectors.keys import pem_of
from documents.recovery import recover
from tests.recovery.conftest import Recover
from tests.recovery.objects import SCRIPT, Shelf, check_recovered, files_in, outcomes

KEYS = recover.ring_of([recover.load_kek(pem_of("recovery"), "recovery", (), lambda _name: None)])


def fill(shelf: Shelf) -> None:
    """A little of everything that a run has to deal with."""
    document_id = uuid4()
    keys = [shelf.put(bytes([number]) * 9_000, filename="same.pdf") for number in range(4)]
    shelf.put(b"one", document_id=document_id)
    shelf.put(b"two", document_id=document_id, owner="bob")
    shelf.write(f"trash/{keys[0]}", shelf.read(keys[0]))
    shelf.rewrap(keys[1], shelf.ring)
    shelf.write("notes.txt", b"mine")


def kill(shelf: Shelf, scratch: Path, kills: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.recovery.killing", shelf.root, scratch, str(kills)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_may_be_killed_at_any_line(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    assert int(kill(shelf, tmp_path, 12).split()[0]) > 9


@pytest.mark.long
def test_a_run_may_be_killed_at_a_thousand_lines(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    sys.stdout.write(kill(shelf, tmp_path, 1_000))


def test_running_again_changes_nothing(shelf: Shelf, out: Path, recovering: Recover) -> None:
    fill(shelf)
    assert recovering() == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix == ".pdf"}
    told = outcomes(out)
    assert recovering() == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix == ".pdf"} == before
    assert outcomes(out) == told


def test_a_file_that_is_gone_comes_back(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    assert recovering() == 0
    (out / "alice/payslip.pdf").unlink()
    assert recovering() == 0
    check_recovered(shelf, out, [key])


def test_a_file_that_was_changed_is_left_and_recovered_beside_it(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    shelf.write(f"trash/{key}", shelf.read(key))
    assert recovering() == 0
    (out / "alice/payslip.pdf").write_bytes(b"a pay")
    assert recovering() == 0
    assert files_in(out) == {"alice/payslip.pdf": b"a pay", "alice/payslip (2).pdf": b"a payslip"}
    check_recovered(shelf, out, [key])


def test_new_objects_are_added(shelf: Shelf, out: Path, recovering: Recover) -> None:
    first = shelf.put(b"first")
    assert recovering() == 0
    second = shelf.put(b"second")
    assert recovering() == 0
    check_recovered(shelf, out, [first, second])


def test_an_object_that_was_damaged_is_recovered_once_it_is_mended(
    shelf: Shelf, out: Path, recovering: Recover
) -> None:
    key = shelf.put(b"a payslip")
    sound = shelf.read(key)
    shelf.write(key, sound[:-1])
    assert recovering() == 1
    shelf.write(key, sound)
    assert recovering() == 0
    check_recovered(shelf, out, [key])


def test_another_source_is_not_mixed_in(shelf: Shelf, out: Path, recovering: Recover, tmp_path: Path) -> None:
    shelf.put(b"a payslip")
    assert recovering() == 0
    (tmp_path / "second").mkdir()
    options = recover.Options(recover.Directory(tmp_path / "second"), KEYS, out)
    with pytest.raises(recover.WrongUsage, match="another source"):
        recover.run(options, "text", lambda _line: None)


def test_two_runs_at_once_do_not_meet(shelf: Shelf, out: Path) -> None:
    shelf.put(b"a payslip")
    options = recover.Options(recover.Directory(shelf.root), KEYS, out)
    first = recover.Run(options)
    try:
        with pytest.raises(recover.Stopped, match="Is another run writing there"):
            recover.Run(options)
    finally:
        first.close()


def test_a_full_disk_stops_the_run_and_the_next_goes_on(
    shelf: Shelf, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [shelf.put(b"a payslip" * 9_999) for _ in range(5)]

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    options = recover.Options(recover.Directory(shelf.root), KEYS, out)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(recover.Stopped, match="The destination is full"):
            recover.run(options, "text", lambda _line: None)
    assert not (out / "manifest.json").exists()
    assert files_in(out) == {}
    assert recover.run(options, "text", lambda _line: None) == 0
    check_recovered(shelf, out, keys)


def test_a_memory_stick_without_hard_links_takes_documents(
    shelf: Shelf, out: Path, recovering: Recover, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_places: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    key = shelf.put(b"a payslip")
    assert recovering() == 0
    check_recovered(shelf, out, [key])
    assert list((out / ".recover/parts").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_run_with_130(
    shelf: Shelf, out: Path, recovery_key: Path, recovering: Recover, number: signal.Signals
) -> None:
    """A file of 64 GiB, most of it a hole, keeps the second run busy with comparing."""
    shelf.put(b"a payslip")
    assert recovering() == 0
    os.truncate(out / "alice/payslip.pdf", 1 << 36)
    program: list[str | Path] = [sys.executable, "-I", SCRIPT, "--from", shelf.root, "--to", out]
    with subprocess.Popen([*program, "--key", recovery_key], stderr=subprocess.PIPE, text=True) as running:
        wait_until(lambda: reads(running.pid, out / "alice/payslip.pdf"))
        running.send_signal(number)
        told = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "Run the same again" in told
    os.truncate(out / "alice/payslip.pdf", len(b"a payslip"))
    assert recovering() == 0
    assert files_in(out) == {"alice/payslip.pdf": b"a payslip"}


def reads(process: int, path: Path) -> bool:
    with suppress(FileNotFoundError):  # a descriptor that was closed meanwhile
        return path in [found.readlink() for found in Path(f"/proc/{process}/fd").iterdir()]
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
