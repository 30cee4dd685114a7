"""What a writer leaves in a store whose process was killed before it ended, and how to see it."""

import os
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from documents.storage.base import StorageProvider
from documents.storage.capabilities import Multipart
from documents.storage.local import LocalProvider

HOUR = timedelta(hours=1)


def begin_and_die(provider: StorageProvider, key: str, process: ExitStack) -> None:
    """Begin to write ``key`` and never end it. ``process`` gives back what the system would, once it is closed."""
    if isinstance(provider, Multipart):
        provider.upload_part(key, provider.create_multipart(key), 1, b"the first part")
    else:
        process.enter_context(provider.open_writer(key)).write(b"the first bytes")


def unfinished(provider: StorageProvider, prefix: str) -> set[str]:
    """The names below ``prefix`` of what was begun and not ended."""
    if isinstance(provider, Multipart):
        return {upload_id for _key, upload_id, _started in provider.iter_multiparts(prefix)}
    return {path.name for path in _parts(provider, prefix)}


def grow_older(provider: StorageProvider, prefix: str, *, lease: timedelta) -> None:
    """Let everything begun below ``prefix`` be older than ``lease``: at once where the clock is a file's time."""
    if isinstance(provider, LocalProvider):
        for path in _parts(provider, prefix):
            before = path.stat().st_mtime - HOUR.total_seconds()
            os.utime(path, (before, before))
    else:
        time.sleep(lease.total_seconds() + 0.1)


def _parts(provider: StorageProvider, prefix: str) -> list[Path]:
    assert isinstance(provider, LocalProvider)
    return list((provider.root / prefix).rglob(".*.part"))
