"""The socket in the file system: whose it is from the first moment on, and one service at a time."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from documents.keyservice.socket_file import SocketFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_nobody_else_may_connect_before_its_group_is_set(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    chown = os.chown

    def look_first(place: Path, user: int, group: int) -> None:
        seen.append(place.stat().st_mode & 0o777)
        chown(place, user, group)

    monkeypatch.setattr(os, "chown", look_first)
    with closing(SocketFile(path, group=os.getgid())):
        assert seen == [0o600]
        found = path.stat()
        assert (found.st_mode & 0o777, found.st_gid) == (0o660, os.getgid())


@pytest.mark.usefixtures("_open_umask")
def test_without_a_group_it_is_for_its_owner(path: Path) -> None:
    with closing(SocketFile(path)):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.with_name("socket.lock").stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def left_over(path: Path) -> None:
    """The socket of a service that was killed."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as killed:
        killed.bind(str(path))


def test_of_many_that_start_on_a_left_over_one_has_it(path: Path) -> None:
    left_over(path)

    def start(_number: int) -> SocketFile | str:
        try:
            return SocketFile(path)
        except OSError as error:
            return str(error)

    with ExitStack() as at_the_end, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(start, range(8)))
        files = [at_the_end.enter_context(closing(one)) for one in found if isinstance(one, SocketFile)]
        assert len(files) == 1
        assert {one for one in found if isinstance(one, str)} == {"another service listens there"}
        files[0].socket.listen()
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as client:
            client.connect(str(path))
    SocketFile(path).close()


@pytest.mark.parametrize("waiting", [0, 1])
def test_where_another_program_listens_it_stays(path: Path, waiting: int) -> None:
    """Also where so many wait there already that nobody else is let in."""
    with ExitStack() as at_the_end:
        other = at_the_end.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)))
        other.bind(str(path))
        other.listen(0)
        for _ in range(waiting):
            client = at_the_end.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)))
            client.connect(str(path))
        with pytest.raises(OSError, match="another service listens there"):
            SocketFile(path)
        assert path.exists()


def test_a_symbolic_link_is_no_left_over(path: Path) -> None:
    path.symlink_to("elsewhere")

    with pytest.raises(OSError, match="another file"):
        SocketFile(path)
    assert path.is_symlink()
