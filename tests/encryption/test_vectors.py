"""Every published vector, through the vault's own reader. What is expected comes from the vector, not from here."""

import base64
import gzip
import hashlib
import io
import json
import runpy
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from documents.encryption import vectors
from documents.encryption.envelope import EnvelopeIds, Metadata, open_header
from documents.encryption.keyring import RSA_OAEP
from documents.encryption.vectors import generate
from documents.encryption.vectors.generate import FILES
from documents.errors import EncryptionError, WeakWrap
from tests.encryption.keys import ring_holding

FOLDER = Path(vectors.__path__[0])
VECTORS = [vector for name in FILES for vector in json.loads((FOLDER / name).read_text())]


def bytes_of(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def read(vector: dict[str, Any], *, released: bytearray) -> Metadata:
    """Read as a vault would that knows the object's size; ``released`` collects what comes out before an error."""
    stored = gzip.decompress(base64.b64decode(vector["object"]))
    ids = vector["expected_ids"]
    envelope = open_header(
        stored[: 64 * 1024],
        ring_holding(
            *vector["keks"], origin_keys=tuple(vector["origin_keys"]), weakest_type=vector.get("weakest_type", RSA_OAEP)
        ),
        expected=EnvelopeIds(**{name: UUID(value) for name, value in ids.items()}) if ids else None,
        key_blocks=[base64.b64decode(block) for block in vector["key_blocks"]],
        expected_prefix_core=bytes_of(vector["expected_context"]),
    )
    vector["opened_metadata"] = envelope.metadata
    start, stop = vector["range"] or (0, envelope.plaintext_size(len(stored)))
    reader = io.BytesIO(stored)
    reader.seek(envelope.object_range(start, stop, len(stored)).start)
    for plaintext in envelope.open_chunks(reader, object_size=len(stored), start=start, stop=stop):
        released += plaintext
    return envelope.metadata


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any]) -> None:
    vector = dict(vector)
    released = bytearray()
    if vector["error"] is None:
        read(vector, released=released)
    else:
        with pytest.raises(EncryptionError) as caught:
            read(vector, released=released)
        assert answer_of(caught.value) == vector["error"]
    assert len(released) == vector["released"]["size"]
    assert hashlib.sha256(released).hexdigest() == vector["released"]["sha256"]
    assert members(vector.get("opened_metadata")) == vector["metadata"]


def answer_of(error: EncryptionError) -> str:
    """FORMAT.md §1 knows five answers; the vault's own words for one of them are finer."""
    return "UnsupportedEnvelope" if isinstance(error, WeakWrap) else type(error).__name__


def members(metadata: Metadata | None) -> dict[str, str] | None:
    if metadata is None:
        return None
    created_at = metadata.created_at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return {
        "filename": metadata.filename,
        "content_type": metadata.content_type,
        "owner": metadata.owner,
        "created_at": created_at,
        "content_coding": metadata.content_coding,
    }


def test_names_of_vectors_are_their_own() -> None:
    assert [name for name, count in Counter(vector["name"] for vector in VECTORS).items() if count > 1] == []


def test_there_are_vectors_for_every_answer() -> None:
    answers = Counter(vector["error"] for vector in VECTORS)
    assert len(VECTORS) >= 60
    assert set(answers) == {
        None,
        "MalformedEnvelope",
        "UnsupportedEnvelope",
        "UnknownKey",
        "UnwrapFailed",
        "AuthenticationFailed",
    }
    assert min(answers.values()) >= 4


def test_the_readme_counts_them() -> None:
    readme = (FOLDER.parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"; {len(VECTORS)} test vectors say" in readme


def test_committed_vectors_are_what_the_generator_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["generate", str(tmp_path)])
    runpy.run_path(generate.__file__, run_name="__main__")
    for name in FILES:
        assert unpacked(tmp_path / name) == unpacked(FOLDER / name)


def unpacked(path: Path) -> list[dict[str, Any]]:
    """A file's vectors with the objects unzipped: two zlibs may compress differently."""
    loaded = json.loads(path.read_text())
    return [{**vector, "object": gzip.decompress(base64.b64decode(vector["object"]))} for vector in loaded]
