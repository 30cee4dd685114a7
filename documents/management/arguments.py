"""What several commands take: where a report goes, which store is meant, the origins of the vault's pages.

Each is tried before the command begins its work: an hour's pass does not end at a name that was mistyped.
"""

import errno
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import mkstemp
from urllib.parse import urlsplit

from django.core.management.base import CommandError, OutputWrapper

# The exit status of a wrong call; 1 says that the call was right and something failed (POSIX leaves both to us).
USAGE = 2
_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
# Items of a lease are in memory, and every one of its threads and tasks is a connection to a store.
_MOST_AT_ONCE = 1000
_MOST = 10**15  # bytes a second; no store takes more, and the column holds it


def chosen_store(name: str, known: Collection[str]) -> str:
    """Return ``name``, one of ``known``. Raises CommandError with the names that there are."""
    if name not in known:
        raise CommandError(
            f"No store {name!r} is configured; there is {', '.join(sorted(known))}. The environment and "
            "VAULT_STORAGE_FILE name the stores.",
            returncode=USAGE,
        )
    return name


def origin(text: str) -> str:
    """Return an origin (RFC 6454) as browsers send it. Raises ArgumentTypeError."""
    message = f"{text!r} is no origin. One is like https://vault.example.org: scheme, host and port, no path"
    try:
        parts = urlsplit(text)
        is_origin = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ArgumentTypeError(message) from error
    if not is_origin or text != f"{parts.scheme}://{parts.netloc}" or parts.username is not None:
        raise ArgumentTypeError(message)
    return text


def count(text: str) -> int:
    """Return a count as an option has it. Raises ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 2**31 - 1:
        raise ArgumentTypeError(f"{text!r} is no count from 1 on")
    return int(text)


def few(text: str) -> int:
    """Return a count of what is at work, or in memory, at once. Raises ArgumentTypeError."""
    if (number := count(text)) > _MOST_AT_ONCE:
        raise ArgumentTypeError(f"{number:,} is too many: {_MOST_AT_ONCE:,} at the most")
    return number


def directory(text: str) -> Path:
    """Return a directory as an option has it. Raises ArgumentTypeError for "", which is the working directory."""
    if not text:
        raise ArgumentTypeError("it is empty. Name a directory; the working directory is '.'")
    return Path(text)


def rate(text: str) -> int:
    """Return bytes a second. Raises ArgumentTypeError."""
    found = re.fullmatch(r"([0-9]{1,15})(k|M|G|Ki|Mi|Gi|)(?:B(?:/s)?)?", text)
    size = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= size <= _MOST:
        raise ArgumentTypeError(f"{text!r} is no rate: bytes a second, as 500k, 20M or 1Gi")
    return size


@contextmanager
def report_to(path: Path | None, stdout: OutputWrapper) -> Iterator[Callable[[str], object]]:
    """Yield what takes the pieces of a report, line ends and all: the file ``path``, or without one ``stdout``.

    The file replaces an earlier one once the block has ended well, whole, and only its owner can read it. Raises
    CommandError where it cannot be written: before the block begins, where its directory takes no file.
    """
    if path is None:
        yield partial(_write_to_reader, stdout)
        return
    report = _ReportFile(path)
    try:
        yield report.write
        report.finish()
    finally:
        report.close()


def _write_to_reader(stdout: OutputWrapper, text: str) -> None:
    with suppress(BrokenPipeError):  # who has read enough does not stop the work
        stdout.write(text, ending="")


class _ReportFile:
    """A file beside the wanted one until all is in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            number, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
        except OSError as error:
            raise self._unwritable(error) from error
        self._unfinished, self._name = os.fdopen(number, "w"), Path(name)

    def write(self, text: str) -> None:
        try:
            self._unfinished.write(text)
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self) -> None:
        try:
            self._unfinished.close()
            self._name.replace(self._path)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        with suppress(OSError):
            self._unfinished.close()
        self._name.unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> CommandError:
        return CommandError(f"{self._path} cannot be written: {error.strerror}.", returncode=USAGE)
