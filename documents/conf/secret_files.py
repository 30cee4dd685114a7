"""Files that hold secrets, or decide whom the vault seals for: read, and looked at, by one descriptor."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from documents.errors import ConfigurationError

# A hybrid key pair of 8,192 bits takes some 7 KiB; several old ones one after another still stay far below.
LARGEST = 1024 * 1024

_OTHERS = 0o007
_GROUP_AND_OTHERS = 0o077
_OTHERS_MAY_WRITE = 0o002


def read_secret_file(path: Path, *, name: str, strictly: bool = False) -> bytes:
    """Return what a file of secrets holds, at most 1 MiB. ``name`` is the setting that messages name.

    Its group may read it, as it does where a container is given its secrets. ``strictly`` refuses that as well, and
    an owner that is neither this process's user nor root. Raises ConfigurationError, one line with what mends it.
    """
    return _read(path, name, is_secret=lambda _content: True, strictly=strictly)


def read_key_file(path: Path, *, name: str, strictly: bool = False) -> bytes:
    """As ``read_secret_file`` where it holds a private key; everybody may read a public one, and only read it."""
    return _read(path, name, is_secret=holds_private_key, strictly=strictly)


def holds_private_key(pem: bytes) -> bool:
    """Whether a PEM has a private key, encrypted or not."""
    return b"PRIVATE KEY-----" in pem


def check_directory(path: Path, *, name: str) -> None:
    """Refuse a directory into which every user of this machine may put files. Raises ConfigurationError.

    Nothing is said of one that is not there, nor of one that is mounted read-only, as the secrets of a container are.
    """
    try:
        mode, is_fixed = path.stat().st_mode, os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError:
        return
    if mode & _OTHERS_MAY_WRITE and not is_fixed:
        raise ConfigurationError(
            f"{name}: every user of this machine may put files into {path} (mode {_shown(mode)}). Run: chmod o-w {path}"
        )


def _read(path: Path, name: str, *, is_secret: Callable[[bytes], bool], strictly: bool) -> bytes:
    try:
        with open(path, "rb", opener=_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ConfigurationError(f"{name}: {path} is no file. Name a file.")
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{name}: {path} cannot be read: {error.strerror}.") from error
    if len(content) > LARGEST:
        raise ConfigurationError(f"{name}: {path} is larger than {LARGEST} bytes. Name the right file.")
    _check(path, name, found, secret=is_secret(content), strictly=strictly)
    return content


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # not to wait where a pipe was named by mistake


def _check(path: Path, name: str, found: os.stat_result, *, secret: bool, strictly: bool) -> None:
    closed = (_GROUP_AND_OTHERS if strictly else _OTHERS) if secret else _OTHERS_MAY_WRITE
    if found.st_mode & closed:
        told, mended = ("may read or change", "600") if secret else ("may change", "o-w")
        who = "its group or every user" if secret and strictly else "every user"
        raise ConfigurationError(
            f"{name}: {who} of this machine {told} {path} (mode {_shown(found.st_mode)}). Where its "
            f"medium has no modes copy it to a disk that has them. Run: chmod {mended} {path}"
        )
    if strictly and found.st_uid not in (0, os.geteuid()):
        raise ConfigurationError(
            f"{name}: {path} belongs to user {found.st_uid}, who may change it. Run: chown {os.geteuid()} {path}"
        )


def _shown(mode: int) -> str:
    return f"{stat.S_IMODE(mode):04o}"
