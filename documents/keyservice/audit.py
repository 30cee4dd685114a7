"""The audit file of the unwrap service: one JSON object a line, appended, never changed."""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path


class AuditFile:
    """Written to by all connections. What it holds is ids alone: no DEK, no key, no name.

    A line is handed to the kernel before ``write`` returns, and is on the disk where ``synced``.
    """

    def __init__(self, path: Path, *, synced: bool = False) -> None:
        self._path, self._lock = path, threading.Lock()
        self._flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | (os.O_DSYNC if synced else 0)
        self._file = os.open(path, self._flags, 0o600)
        self._torn = False

    def write(self, **facts: str | int | None) -> None:
        """Append a line. Raises OSError where it cannot be written whole; the next one begins on a line of its own."""
        moment = datetime.now(UTC).isoformat(timespec="microseconds")
        line = json.dumps({"at": moment, **facts}, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            whole = b"\n" + line if self._torn else line
            written = os.write(self._file, whole)
            self._torn = written < len(whole) and written > 0
            if written < len(whole):
                raise OSError(f"only {written} of {len(whole)} bytes were written to {self._path}")

    def reopen(self) -> None:
        """Go on in a new file where the old one was moved away. Raises OSError, and goes on in the old one then."""
        file = os.open(self._path, self._flags, 0o600)
        with self._lock:
            self._file, old = file, self._file
            self._torn = False
        os.close(old)

    def close(self) -> None:
        os.close(self._file)
