"""The audit file of the unwrap service: one JSON object a line, appended, never changed."""

import json
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

from documents.errors import ConfigurationError

_OTHERS_MAY_WRITE = 0o022


class AuditFile:
    """Written to by all connections. What it holds is ids alone: no DEK, no key, no name.

    A line is handed to the kernel before ``write`` returns, and is on the disk where ``synced``. Raises
    ConfigurationError where another user could change the file, OSError where it cannot be opened.
    """

    def __init__(self, path: Path, *, synced: bool = False) -> None:
        self._path, self._lock = path, threading.Lock()
        self._flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._flags |= os.O_DSYNC if synced else 0
        self._file = self._opened()
        self._torn = False

    def write(self, **facts: str | int | None) -> None:
        """Append a line. Raises OSError where it cannot be written whole; the next one begins on a line of its own."""
        moment = datetime.now(UTC).isoformat(timespec="microseconds")
        line = json.dumps({"at": moment, **facts}, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            whole = b"\n" + line if self._torn else line
            written = os.write(self._file, whole)
            if written:  # else the file ends as it did
                self._torn = written < len(whole)
            if written < len(whole):
                raise OSError(f"only {written} of {len(whole)} bytes were written to {self._path}")

    def reopen(self) -> None:
        """Go on in a new file where the old one was moved away.

        Raises ConfigurationError or OSError, and goes on in the old one then.
        """
        file = self._opened()
        with self._lock:
            self._file, old = file, self._file
            self._torn = False
        os.close(old)

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        os.close(self._file)

    def _opened(self) -> int:
        file = os.open(self._path, self._flags, 0o600)
        try:
            self._demand_own(os.fstat(file))
        except BaseException:
            os.close(file)
            raise
        return file

    def _demand_own(self, found: os.stat_result) -> None:
        if found.st_uid not in (os.geteuid(), 0):
            raise ConfigurationError(f"VAULT_UNWRAP_AUDIT: {self._path} belongs to another user, {found.st_uid}.")
        # A device or a pipe has lines taken out of it by nobody here: who may write to it is its owner's affair.
        if stat.S_ISREG(found.st_mode) and found.st_mode & _OTHERS_MAY_WRITE:
            raise ConfigurationError(f"VAULT_UNWRAP_AUDIT: others may write to {self._path}. Set its mode to 600.")
