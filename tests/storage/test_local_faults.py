"""A disk that is full, read-only or failing: a clean error, and nothing left behind."""

import errno
import os
import resource
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from documents.errors import (
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UnsupportedOperation,
)
from documents.storage.local import LocalProvider
from tests.storage.descriptors import open_below
from tests.storage.operations import operations_of, recorded


@pytest.fixture
def provider(tmp_path: Path) -> LocalProvider:
    return LocalProvider(tmp_path)


def test_a_file_the_system_does_not_let_grow_is_storage_full(provider: LocalProvider) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StorageFull):
            provider.put_stream("k", [bytes(60_000), bytes(60_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(provider.root.iterdir()) == []
    assert provider.put_bytes("k", bytes(200_000)).size == 200_000


CODES = {
    errno.ENOSPC: StorageFull,
    errno.EDQUOT: StorageFull,
    errno.EIO: StorageUnavailable,
    errno.EROFS: StorageAccessDenied,
    errno.EACCES: StorageAccessDenied,
    errno.EPERM: UnsupportedOperation,
    errno.EMFILE: StorageUnavailable,
}


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["write", "fsync", "link", "mkdir", "open", "dup"])
def test_a_fault_of_the_system_during_a_put_leaves_nothing(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    monkeypatch.setattr(os, call, failing(code))
    with pytest.raises(CODES[code]):
        provider.put_bytes("a/b", b"x")
    monkeypatch.undo()
    assert [path for path in provider.root.rglob("*") if path.is_file()] == []
    provider.put_bytes("a/b", b"x")
    assert provider.get("a/b") == b"x"


def test_an_object_whose_directory_cannot_be_synced_does_not_stay(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, calls = os.fsync, iter([None, errno.EIO])

    def second_fails(descriptor: int) -> None:
        if code := next(calls):
            raise OSError(code, "made up")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", second_fails)
    with pytest.raises(StorageUnavailable):
        provider.put_bytes("k", b"x")
    monkeypatch.undo()
    assert list(provider.root.iterdir()) == []


@pytest.mark.parametrize("call", ["preadv", "open", "fstat"])
def test_a_fault_of_the_system_during_a_read_is_told(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    provider.put_bytes("k", b"x")
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing(errno.EIO))
        error = raised_by(lambda: provider.get("k"))
    assert type(error) is StorageUnavailable


OPERATIONS: dict[str, Callable[[LocalProvider], object]] = {
    "put_if_absent": lambda provider: provider.put_if_absent("a/new", b"x"),
    "put_stream": lambda provider: provider.put_stream("a/new", [b"x"]),
    "get": lambda provider: provider.get("a/there"),
    "get_range": lambda provider: provider.get_range("a/there", 0, 1),
    "exists": lambda provider: provider.exists("a/there"),
    "delete": lambda provider: provider.delete("a/there"),
    "delete_many": lambda provider: list(provider.delete_many(["a/there"])),
    "copy": lambda provider: provider.copy("a/there", "a/new"),
    "iter_locations": lambda provider: list(provider.iter_locations()),
    "iter_locations_after": lambda provider: list(provider.iter_locations_after("", "a")),
    "remove_unfinished": lambda provider: provider.remove_unfinished(older_than=timedelta(0)),
    "free_bytes": lambda provider: provider.free_bytes(),
}
SYSTEM_CALLS = (
    *("open", "fstat", "stat", "scandir", "preadv", "write", "fsync", "link", "unlink", "mkdir", "dup"),
    "statvfs",
)


def test_every_operation_is_struck(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.put_bytes("a/there", b"x")
    called = recorded(LocalProvider, monkeypatch)
    for operation in OPERATIONS.values():
        operation(provider)
        provider.delete("a/new")
        if not provider.exists("a/there"):
            provider.put_bytes("a/there", b"x")
    assert operations_of(LocalProvider) - called == set()


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", SYSTEM_CALLS)
def test_a_fault_of_the_system_is_an_error_of_every_operation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    struck = set()
    for name, operation in OPERATIONS.items():
        provider = LocalProvider(tmp_path / name)
        provider.put_bytes("a/there", b"x")
        with monkeypatch.context() as patched:
            patched.setattr(os, call, failing(code))
            error = raised_by(lambda operation=operation, provider=provider: operation(provider))  # type: ignore[misc]
        if error:
            struck.add(name)
            assert type(error) is CODES[code]
        # Whatever was said: what is there is whole.
        assert all(provider.get(info.key) == b"x" for info in provider.iter_locations())
    assert struck or call in ("dup", "mkdir", "stat", "unlink")


def test_a_root_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        LocalProvider(tmp_path / "file" / "root")


def raised_by(call: Callable[[], object]) -> Exception | None:
    # pytest.raises itself uses what is broken here.
    try:
        call()
    except StorageError as error:
        return error
    return None


def failing(code: int) -> Callable[..., None]:
    def call(*_arguments: object, **_options: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_a_put_that_cannot_begin_keeps_no_descriptor(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider.open_writer("a") as writer:
        assert open_below(provider.root), "what is open is seen"
        writer.abort()
    for call in ("dup", "open"):
        monkeypatch.setattr(os, call, failing(errno.EMFILE))
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                provider.open_writer("a")
        monkeypatch.undo()
        assert open_below(provider.root) == []
        assert list(provider.root.iterdir()) == []
