"""Peer of the range read: the vault with one thing changed. What it sends is read from a plain file.

Doors, token, rows and audit are the vault's own, so that the difference is what sealing costs.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from vault.wsgi import application  # isort: skip  # sets Django up, so it comes first

from documents.api import documents as api
from documents.services.downloads import Download


class PlainDownload(Download):
    """Bytes of the plain file, whatever the attachment."""

    def _open(self) -> Iterator[memoryview]:
        with Path(os.environ["BENCH_PLAIN_FILE"]).open("rb", buffering=0) as file:
            file.seek(self.start)
            yield memoryview(file.read(self.stop - self.start))


api.Download = PlainDownload  # type: ignore[attr-defined]  # the one change

__all__ = ["application"]
