"""What tests of adopting do: lay out an older vault, call the commands, and read what came of it."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from documents.models import Attachment, Document
from documents.services.actors import Actor
from documents.services.downloads import open_download
from documents.storage.base import StorageProvider
from tests.legacy.making import older_envelope

READER = Actor(user=None, via="code")
CONTENT = b"what stands in a passport"


@dataclass(frozen=True)
class Answer:
    """``status`` as the shell has it; ``said`` is why it is not 0."""

    status: int
    out: str
    err: str
    said: str = ""

    @property
    def told(self) -> dict[str, Any]:
        """The report as JSON."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def call(command: str, *arguments: object) -> Answer:
    """Threads would not see what a test that is rolled back has written: those that want some say so."""
    given = [str(argument) for argument in arguments]
    if "--workers" not in given:
        given += ["--workers", "1"]
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(command, *given, stdout=out, stderr=err)
    except CommandError as error:
        return Answer(error.returncode, out.getvalue(), err.getvalue(), str(error))
    return Answer(0, out.getvalue(), err.getvalue())


def adopt(*arguments: object) -> Answer:
    return call("adopt_documents", *arguments, "--no-input", "--format", "json")


def counts_of(answer: Answer) -> dict[str, int]:
    return {status: count for status, count in answer.told["counts"].items() if count}


def older_key_of(owner: User | int, name: str = "1_passport.pdf_pdf.json", *, day: str = "2024/01/15") -> str:
    """The key that an older vault gave."""
    return f"documents/user_{owner if isinstance(owner, int) else owner.pk}/{day}/{name}"


def lay(root: Path, key: str, content: bytes) -> Path:
    """Put a file below a directory."""
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def lay_envelope(root: Path, key: str, content: bytes = CONTENT) -> Path:
    return lay(root, key, older_envelope(content))


def put_envelope(store: StorageProvider, key: str, content: bytes = CONTENT) -> bytes:
    """Put an envelope into a store, and return it."""
    sealed = older_envelope(content)
    store.put_bytes(key, sealed)
    return sealed


def everything_below(root: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of each file: what must be the same before and after."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def content_of(attachment: Attachment) -> bytes:
    with open_download(attachment, READER, start=0, stop=attachment.size) as download:
        return b"".join(bytes(piece) for piece in download)


def only_attachment() -> Attachment:
    """That of the one document there is."""
    return Document.objects.get().current_attachment()
