"""What the local provider promises beyond the conformance suite: modes, confinement, durability, leftovers."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from documents.errors import (
    BucketNotFound,
    IntegrityMismatch,
    InvalidObjectKey,
    ObjectExists,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
)
from documents.storage.local import LocalProvider
from documents.storage.local_tree import LocalTree
from tests.storage.descriptors import open_below


@pytest.fixture
def provider(tmp_path: Path) -> LocalProvider:
    return LocalProvider(tmp_path / "made" / "root")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_0600_and_directories_0700_whatever_the_umask(provider: LocalProvider, umask: int) -> None:
    before = os.umask(umask)
    try:
        provider.put_bytes("a/b/c", b"x")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in provider.root.rglob("*")}
    assert modes == {"a": 0o700, "b": 0o700, "c": 0o600}


def test_a_commit_syncs_the_file_then_every_directory(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    sync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    provider.put_bytes("a/b/c", b"x")
    root = str(provider.root)
    assert synced[:2] == [root, f"{root}/a"]
    assert synced[2].startswith(f"{root}/a/b/.")
    assert synced[3:] == [f"{root}/a/b"]


def test_a_link_in_the_path_is_not_followed(provider: LocalProvider, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (provider.root / "link").symlink_to(outside)
    (provider.root / "file").symlink_to(outside / "secret")
    for key in ("link/secret", "file"):
        with pytest.raises(StorageAccessDenied):
            provider.get(key)
    with pytest.raises(StorageAccessDenied):
        provider.put_bytes("link/new", b"x")
    with pytest.raises(StorageAccessDenied):
        provider.delete("link/secret")
    assert list(provider.iter_locations()) == []
    assert [path.name for path in outside.iterdir()] == ["secret"]
    # The control: the link does lead there for whoever follows it.
    assert (provider.root / "link" / "secret").read_bytes() == b"secret"


def test_a_hostile_key_past_the_check_still_cannot_leave(provider: LocalProvider, tmp_path: Path) -> None:
    (tmp_path / "made" / "secret").write_bytes(b"secret")
    (provider.root / "down").symlink_to("..")
    tree = LocalTree(provider.root, provider="local")
    with pytest.raises(OSError, match="symbolic link"), tree.directory(["down"]):
        pass


def test_a_device_or_fifo_in_the_tree_is_no_object(provider: LocalProvider) -> None:
    os.mkfifo(provider.root / "fifo")
    with pytest.raises(ObjectNotFound):
        provider.get("fifo")
    assert list(provider.iter_locations()) == []


def test_a_key_below_an_object_is_refused(provider: LocalProvider) -> None:
    provider.put_bytes("a", b"x")
    with pytest.raises(InvalidObjectKey):
        provider.put_bytes("a/b", b"y")
    provider.put_bytes("d/e", b"x")
    with pytest.raises(ObjectExists):
        provider.put_bytes("d", b"y")
    assert leftovers(provider) == []


def test_an_object_cut_under_its_reader_does_not_look_complete(provider: LocalProvider) -> None:
    provider.put_bytes("k", bytes(2_000_000))
    with provider.open("k") as reader:
        reader.read(10)
        os.truncate(provider.root / "k", 1_000_000)
        with pytest.raises(IntegrityMismatch, match="1,000,000"):
            reader.read()


def test_a_root_that_went_away_is_not_an_empty_store(provider: LocalProvider) -> None:
    provider.root.rmdir()
    for call in (provider.get, provider.head, provider.exists, provider.delete):
        with pytest.raises(BucketNotFound, match="mounted"):
            call("k")
    with pytest.raises(BucketNotFound):
        list(provider.iter_locations())
    with pytest.raises(BucketNotFound):
        provider.put_bytes("k", b"x")


def test_the_leftover_of_a_killed_writer_is_invisible_and_swept_once_old(provider: LocalProvider) -> None:
    killed = os.fork()
    if killed == 0:
        writer = provider.open_writer("a/b")
        writer.write(b"half")
        os.kill(os.getpid(), 9)
    assert os.waitpid(killed, 0)[1] == 9
    [leftover] = leftovers(provider)
    assert leftover.read_bytes() == b"half"
    assert list(provider.iter_locations()) == []
    assert not provider.exists("a/b")
    with pytest.raises(InvalidObjectKey):
        provider.get(f"a/{leftover.name}")
    assert provider.remove_unfinished(older_than=timedelta(hours=1)) == 0
    two_hours_ago = leftover.stat().st_mtime - 7_200
    os.utime(leftover, (two_hours_ago, two_hours_ago))
    assert provider.remove_unfinished(older_than=timedelta(hours=1)) == 1
    assert leftovers(provider) == []
    assert provider.put_bytes("a/b", b"whole").size == 5


def test_an_error_in_the_middle_leaves_no_part(provider: LocalProvider) -> None:
    with pytest.raises(ZeroDivisionError):
        provider.put_stream("k", (bytes(1 // (3 - number)) for number in range(5)))
    with pytest.raises(ObjectExists):
        provider.put_bytes("k2", provider.put_bytes("k2", b"x").checksum.encode())
    assert leftovers(provider) == []


def test_no_descriptor_is_left_open(provider: LocalProvider) -> None:
    def use() -> None:
        provider.put_bytes("a/b", b"x")
        provider.open_writer("a/c").abort()
        provider.get("a/b")
        for call in (lambda: provider.put_bytes("a/b", b"y"), lambda: provider.get_range("a/b", 5, 5)):
            with pytest.raises(StorageError):
                call()
        next(provider.iter_locations())
        provider.delete("a/b")

    for _ in range(5):
        use()
    assert open_below(provider.root) == []
    with provider.open_writer("a/b") as writer:
        assert open_below(provider.root), "what is open is seen"
        writer.abort()


def leftovers(provider: LocalProvider) -> list[Path]:
    return [path for path in provider.root.rglob("*") if path.name.endswith(".part")]
