"""A source that changes or fails while it is listed, and one that is written in several ways."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from documents.encryption.vectors.keys import pem_of
from documents.recovery import recover
from tests.recovery.conftest import Recover
from tests.recovery.damage import flip
from tests.recovery.objects import Shelf, check_recovered, files_in, manifest_of, outcomes

KEYS = recover.ring_of([recover.load_kek(pem_of("recovery"), "recovery", (), lambda _name: None)])
EIO = OSError(errno.EIO, os.strerror(errno.EIO))


class Breaking:
    """What ``os.scandir`` gives of a directory on a bad disk: so many entries, then an error."""

    def __init__(self, entries: Any, good: int) -> None:
        self._entries, self._good = entries, good

    def __enter__(self) -> "Breaking":
        return self

    def __exit__(self, *_error: object) -> None:
        self._entries.close()

    def __iter__(self) -> "Breaking":
        return self

    def __next__(self) -> "os.DirEntry[str]":
        if self._good == 0:
            raise EIO
        self._good -= 1
        entry: os.DirEntry[str] = next(self._entries)
        return entry


@pytest.fixture
def bad_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have a directory give so many entries and no more; None: it cannot be opened at all."""
    listing = os.scandir

    def spoil(bad: Path, good: int | None = None) -> None:
        def scandir(path: Any) -> Any:
            if path != bad:
                return listing(path)
            if good is None:
                raise EIO
            return Breaking(listing(path), good)

        monkeypatch.setattr(os, "scandir", scandir)

    return spoil


def test_a_directory_that_cannot_be_listed_is_told_and_the_others_come_out(
    shelf: Shelf, out: Path, recovering: Recover, bad_disk: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, hidden = shelf.put(b"sound", filename="sound"), shelf.put(b"hidden", key="documents/user_2/a.vlt")
    bad_disk(shelf.root / "documents/user_2")
    assert recovering() == 1
    assert outcomes(out)["documents/user_2/"] == ("failed", "Unreadable")
    entry = manifest_of(out)["documents/user_2/"]
    assert (entry["kind"], "Input/output error" in entry["why"]) == ("directory", True)
    check_recovered(shelf, out, [sound])
    monkeypatch.undo()

    assert recovering() == 0
    assert set(outcomes(out)) == {sound, hidden}
    check_recovered(shelf, out, [sound, hidden])


@pytest.mark.parametrize("place", ["documents/user_1/2026/03/01", ""])
def test_a_directory_that_breaks_off_is_told(
    shelf: Shelf, out: Path, recovering: Recover, bad_disk: Callable[..., None], place: str
) -> None:
    for number in range(4):
        shelf.put(b"%d" % number, filename=f"{number}")
        shelf.put(b"%d" % number, key=f"{number}.vlt", filename=f"above {number}")
    bad_disk(shelf.root / place if place else shelf.root, 2)

    assert recovering() == 1

    failed = [key for key, (outcome, _) in outcomes(out).items() if outcome == "failed"]
    assert failed == [f"{place}/" if place else "./"]
    assert len(files_in(out)) >= 1


def test_what_an_earlier_run_found_below_it_is_not_gone(
    shelf: Shelf, out: Path, recovering: Recover, bad_disk: Callable[..., None]
) -> None:
    recovered, damaged = shelf.put(b"sound"), shelf.put(b"damaged")
    flip(shelf, damaged, -1)
    assert recovering() == 1
    bad_disk(shelf.root / "documents")

    assert recovering() == 1

    assert outcomes(out) == {
        recovered: ("recovered", None),
        damaged: ("failed", "Unreadable"),
        "documents/": ("failed", "Unreadable"),
    }


def test_a_source_that_cannot_be_listed_at_all_stops_the_run(
    shelf: Shelf, out: Path, recovering: Recover, bad_disk: Callable[..., None]
) -> None:
    shelf.put(b"a payslip")
    bad_disk(shelf.root)
    assert recovering() == 3
    assert not (out / "manifest.json").exists()


def test_what_vanishes_while_it_is_listed_is_passed_over(
    shelf: Shelf, out: Path, recovering: Recover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store in use: its sweeper deletes files, and directories that became empty."""
    sound = shelf.put(b"sound")
    gone = [shelf.write("elsewhere/unfinished", b"x"), shelf.write("vanishing/file", b"x")]
    listing = os.scandir

    def scandir(path: Any) -> Any:
        if path == gone[1].parent:
            gone[1].unlink()
            gone[1].parent.rmdir()
        entries = listing(path)
        if path == gone[0].parent:
            found = list(entries)
            entries.close()
            gone[0].unlink()
            return Breaking(_Listed(found), -1)
        return entries

    monkeypatch.setattr(os, "scandir", scandir)

    assert recovering() == 0
    assert set(outcomes(out)) == {sound}


class _Listed:
    def __init__(self, entries: list["os.DirEntry[str]"]) -> None:
        self._entries = iter(entries)

    def __next__(self) -> "os.DirEntry[str]":
        return next(self._entries)

    def close(self) -> None:
        """Nothing is open."""


def test_a_file_that_cannot_be_looked_at_is_told(
    shelf: Shelf, out: Path, recovering: Recover, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, bad = shelf.put(b"sound", filename="sound"), shelf.put(b"bad", filename="bad")

    class Entry:
        """A directory entry whose inode cannot be read."""

        def __init__(self, entry: "os.DirEntry[str]") -> None:
            self._entry, self.name = entry, entry.name

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            return self._entry.is_dir(follow_symlinks=follow_symlinks)

        def is_file(self, *, follow_symlinks: bool) -> bool:
            return self._entry.is_file(follow_symlinks=follow_symlinks)

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            if bad.endswith(self.name):
                raise EIO
            return self._entry.stat(follow_symlinks=follow_symlinks)

    listing = os.scandir

    def scandir(path: Any) -> Any:
        if not isinstance(path, Path):  # of the destination
            return listing(path)
        with listing(path) as entries:
            return Breaking(_Listed([Entry(entry) for entry in entries]), -1)  # type: ignore[misc]

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        patch.setattr(os, "open", _refusing(shelf.root / bad))
        assert recovering() == 1
        assert outcomes(out)[bad] == ("failed", "Unreadable")
        check_recovered(shelf, out, [sound])
    assert recovering() == 0
    check_recovered(shelf, out, [sound, bad])


def _refusing(bad: Path) -> Callable[..., int]:
    opening = os.open

    def opened(path: Any, *arguments: Any, **options: Any) -> int:
        if not isinstance(path, int) and Path(os.fsdecode(path)) == bad:
            raise EIO
        return opening(path, *arguments, **options)

    return opened


def test_a_source_is_the_same_however_it_is_written(
    shelf: Shelf, out: Path, recovery_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = shelf.put(b"a payslip")
    monkeypatch.chdir(shelf.root.parent)
    for place in ("store", "./store", "store/", str(shelf.root), "../" + shelf.root.parent.name + "/store"):
        assert recover.main(["--from", place, "--to", str(out), "--key", str(recovery_key)]) == 0, place
    check_recovered(shelf, out, [key])
    (shelf.root.parent / "other").mkdir()
    assert recover.main(["--from", "other", "--to", str(out), "--key", str(recovery_key)]) == 2


def test_a_bucket_is_the_same_with_and_without_a_slash() -> None:
    labels = {recover.Bucket(place, "http://127.0.0.1:1").label for place in ("s3://b/vault", "s3://b/vault/")}
    assert labels == {"s3://b/vault"}
