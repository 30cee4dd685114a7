"""A socket in the file system that one service at a time listens at."""

import fcntl
import os
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

_PROBE = 1.0  # seconds


class SocketFile:
    """Bound when it is made, with mode 0600, or 0660 for ``group``. Nobody can connect before ``listen``.

    A file beside it, locked as long as this lives, keeps two services that start at once from taking each other's
    socket for a left-over. Raises OSError where another one listens, or where another file is in its place.
    """

    def __init__(self, path: Path, *, group: int | None = None) -> None:
        self._path = path
        with ExitStack() as unless_bound:
            self._lock = _locked(path.with_name(f"{path.name}.lock"))
            unless_bound.callback(os.close, self._lock)
            _remove_left_over(path)
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            unless_bound.callback(self.socket.close)
            before = os.umask(0o177)  # until chmod nobody else may connect
            try:
                self.socket.bind(str(path))
            finally:
                os.umask(before)
            if group is not None:
                os.chown(path, -1, group)
                path.chmod(0o660)
            unless_bound.pop_all()

    def close(self) -> None:
        """The lock's file stays: whoever unlinks it may unlink one that another service just locked."""
        self.socket.close()
        self._path.unlink(missing_ok=True)
        os.close(self._lock)


def _locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise OSError("another service listens there") from error
    return file


def _remove_left_over(path: Path) -> None:
    """Remove the socket of a service that was killed. Raises OSError where one listens, or another file is there."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError("another file is in its place")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except (TimeoutError, BlockingIOError):  # so many wait there that nobody else is let in
            pass
    raise OSError("another service listens there")
