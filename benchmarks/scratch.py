"""Room on tmpfs, so that disks are not what is measured."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from documents.encryption.buffers import page_aligned

_TMPFS = Path("/dev/shm")  # noqa: S108  # Linux's own tmpfs; what is made there gets an unpredictable name
_PIECE = 1024 * 1024


class NoRoom(Exception):
    """The scratch directory is too small for a measurement."""


@contextmanager
def scratch(needed: int) -> Iterator[Path]:
    """A directory with at least ``needed`` free bytes, removed afterwards. Raises NoRoom."""
    base = _TMPFS if _TMPFS.is_dir() else Path(tempfile.gettempdir())
    free = shutil.disk_usage(base).free
    if free < needed:
        raise NoRoom(f"{base} has {free / 1e9:.1f} GB free; {needed / 1e9:.1f} GB are needed: --size makes it less")
    with tempfile.TemporaryDirectory(prefix="vault-bench-", dir=base) as directory:
        # nginx's worker is another user.
        Path(directory).chmod(0o711)
        yield Path(directory)


def random_file(path: Path, size: int) -> Path:
    """Fill ``path`` with ``size`` random bytes, the same mebibyte of them with a counter in each."""
    piece = page_aligned(_PIECE)
    piece[:] = os.urandom(_PIECE)
    with path.open("wb", buffering=0) as file:
        for start in range(0, size, _PIECE):
            piece[:8] = start.to_bytes(8, "big")
            file.write(piece[: min(_PIECE, size - start)])
    return path
