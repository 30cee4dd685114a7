"""A store full of sealed objects, in a directory, and the script that gets the documents back."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import cryptography

from documents.encryption.envelope import EnvelopeIds, Metadata, Sealer, open_header
from documents.encryption.keyring import KeyRing
from documents.encryption.vectors.keys import pem_of
from documents.recovery import recover
from tests.encryption.keys import KEKS, ORIGIN_KEYS

VAULT = UUID("11111111-2222-4333-8444-555555555555")
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
RING = KeyRing(KEKS["primary"], [KEKS["recovery"]], origin_key=ORIGIN_KEYS["origin"])
SCRIPT = Path(recover.__file__)


@dataclass
class Shelf:
    """Objects below ``root``, as a local provider keeps them, and what ought to come out of them."""

    root: Path
    ring: KeyRing = RING
    contents: dict[str, bytes] = field(default_factory=dict)
    made: int = 0

    def put(
        self,
        content: bytes,
        *,
        filename: str = "payslip.pdf",
        owner: str = "alice",
        document_id: UUID | None = None,
        attachment_id: UUID | None = None,
        key: str = "",
        content_type: str = "application/pdf",
        coding: str = "identity",
    ) -> str:
        """Seal one document, a minute younger than the last, and return its key."""
        ids = EnvelopeIds(VAULT, document_id or uuid4(), attachment_id or uuid4())
        self.made += 1
        at = BEGAN + timedelta(minutes=self.made, microseconds=123_456)
        sealer = Sealer(ids, Metadata(filename, content_type, owner, at, coding), self.ring, chunk_log2=12)
        sealed = [bytes(piece) for piece in sealer.update(content)]
        key = key or f"documents/user_1/2026/03/01/{ids.attachment_id}.vlt"
        self.write(key, sealer.header + b"".join(sealed) + bytes(sealer.finish()))
        self.contents[key] = content
        return key

    def write(self, key: str, data: bytes) -> Path:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def read(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def change(self, key: str, offset: int, data: bytes) -> None:
        """Overwrite bytes from ``offset`` on, which counts from the start."""
        stored = bytearray(self.read(key))
        stored[offset : offset + len(data)] = data
        self.write(key, bytes(stored))

    def attachment_of(self, key: str) -> UUID:
        return UUID(bytes=self.read(key)[48:64])

    def rewrap(self, key: str, ring: KeyRing, *, seq: int = 1) -> str:
        """Put a newer key block beside the object, for the recipients of ``ring``; returns its key."""
        opened = open_header(self.read(key)[:65_536], self.ring, expected=None)
        return self.put_sidecar(self.attachment_of(key), opened.row.rewrap(ring), seq=seq)

    def put_sidecar(self, attachment_id: UUID, block: bytes, *, seq: int = 1) -> str:
        sidecar = f"keyblocks/{attachment_id}.{seq}"
        self.write(sidecar, block)
        return sidecar


def write_key(directory: Path, name: str, *, mode: int = 0o600, pem: bytes | None = None) -> Path:
    """One of the published test-only keys, as an operator takes it out of the safe."""
    path = directory / f"{name}.pem"
    path.write_bytes(pem_of(name) if pem is None else pem)
    path.chmod(mode)
    return path


def run_script(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script where nothing but ``cryptography`` and what that needs can be imported: no Django, no vault."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", BARE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={
            "PATH": os.environ["PATH"],
            "BARE_SCRIPT": str(SCRIPT),
            "BARE_LIBRARIES": str(LIBRARIES),
            **(environment or {}),
        },
    )


LIBRARIES = Path(cryptography.__path__[0]).parent

# A machine with Python and one wheel set: whatever else is installed here is refused.
BARE = """
import importlib.abc, os, runpy, sys

ALLOWED = {"cryptography", "cffi", "_cffi_backend", "pycparser", *os.environ.get("BARE_ALSO", "").split()}

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED | sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{name} is not on this machine", name=name)

sys.path.append(os.environ["BARE_LIBRARIES"])
sys.meta_path.insert(0, Refuse())
sys.argv = [os.environ["BARE_SCRIPT"], *sys.argv[1:]]
runpy.run_path(os.environ["BARE_SCRIPT"], run_name="__main__")
"""


def manifest_of(destination: Path) -> dict[str, dict[str, Any]]:
    """The entries of a manifest by key."""
    manifest = json.loads((destination / "manifest.json").read_text())
    return {entry["key"]: entry for entry in manifest["entries"]}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def files_in(destination: Path) -> dict[str, bytes]:
    """Every file that was recovered, by its path; not the manifests and the journal."""
    return {
        str(path.relative_to(destination)): path.read_bytes()
        for path in sorted(destination.rglob("*"))
        if path.is_file() and path.parent != destination and ".recover" not in path.parts
    }


def outcomes(destination: Path) -> dict[str, tuple[str, str | None]]:
    return {key: (entry["outcome"], entry["answer"]) for key, entry in manifest_of(destination).items()}


def check_recovered(shelf: Shelf, destination: Path, keys: Sequence[str]) -> None:
    """Each of them is there, whole, and as the manifest says."""
    entries = manifest_of(destination)
    for key in keys:
        entry, content = entries[key], shelf.contents[key]
        assert (entry["outcome"], entry["size"], entry["sha256"]) == ("recovered", len(content), sha256(content))
        assert (destination / entry["path"]).read_bytes() == content
