"""Errors of the operating system, told as the vault's."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from documents.errors import (
    ObjectExists,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UnsupportedOperation,
)

# EFBIG: the file system, or a limit set for the process, allows no larger file.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LINKS = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


@contextmanager
def translated(*, provider: str, key: str = "") -> Iterator[None]:
    """Raises a StorageError in place of any OSError of the block."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, provider=provider, key=key) from error


def storage_error(error: OSError, *, provider: str, key: str = "") -> StorageError:
    """Return the StorageError that stands for an OSError."""
    kind, message, hint = _meaning(error)
    return kind(message, provider=provider, key=key, hint=hint)


def _meaning(error: OSError) -> tuple[type[StorageError], str, str]:
    reason = error.strerror or type(error).__name__
    match error:
        case FileNotFoundError() | IsADirectoryError() | NotADirectoryError():
            return ObjectNotFound, "There is no such object", ""
        case FileExistsError():
            return ObjectExists, "An object with this key is there already", ""
        case PermissionError() if error.errno == errno.EACCES:
            return StorageAccessDenied, f"The disk refused: {reason}", "Give the vault's user this directory"
    if error.errno in _FULL:
        return StorageFull, f"The disk is full: {reason}", "Free some space, or move documents to another provider"
    if error.errno in (errno.EROFS, errno.ELOOP):
        return StorageAccessDenied, f"The disk refused: {reason}", "Objects lie in real, writable directories"
    if error.errno in _NO_LINKS or error.errno == errno.EPERM:
        return UnsupportedOperation, f"The file system refused: {reason}", "It must support hard links"
    return StorageUnavailable, f"The disk reported a fault: {reason}", "Look into the log of the system"
