"""Every published vector through the stand-alone script: a second reader, which shares no line with the vault's own."""

import base64
import gzip
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from documents.encryption import vectors
from documents.encryption.vectors.generate import FILES
from documents.encryption.vectors.keys import ORIGIN_KEYS, pem_of
from documents.recovery import recover

FOLDER = Path(vectors.__path__[0])
VECTORS = [vector for name in FILES for vector in json.loads((FOLDER / name).read_text())]
MEMBERS = ("filename", "content_type", "owner", "created_at", "content_coding")


def read(vector: dict[str, Any], released: bytearray) -> recover.Opened:
    """Read as the script does; what it has no use for, the row's ids and context, is compared here where §7 says so."""
    stored = gzip.decompress(base64.b64decode(vector["object"]))
    context = vector["expected_context"]
    if context and recover.parse_header(stored).context != base64.b64decode(context):
        raise recover.AuthenticationFailed
    opened = recover.open_header(stored, keys_of(vector), [base64.b64decode(block) for block in vector["key_blocks"]])
    ids = vector["expected_ids"]
    if ids and [str(found) for found in opened.header.ids] != list(ids.values()):
        raise recover.AuthenticationFailed
    vector["opened"] = opened
    release(vector, opened, stored, released)
    return opened


def release(vector: dict[str, Any], opened: recover.Opened, stored: bytes, released: bytearray) -> None:
    """Whole, or the chunks of a range with what was not asked for cut away."""
    size, header = opened.header.chunk_size, opened.header.size
    plaintext_size = len(stored) - header - 16 * recover.chunk_count(opened.header, len(stored))
    start, stop = vector["range"] or (0, plaintext_size)
    first, last = start // size, max(start, stop - 1) // size
    stream = io.BytesIO(stored)
    stream.seek(header + first * (size + 16))
    place = first * size
    for chunk in recover.open_chunks(opened, stream, len(stored), first=first, stop=last + 1):
        released += chunk[max(0, start - place) : max(0, stop - place)]
        place += len(chunk)


NAMES = [path.stem.removeprefix("test-only-") for path in (FOLDER / "keys").glob("*.pem")]
KEKS = {name: recover.load_kek(pem_of(name), name, (), lambda _name: None) for name in NAMES if name not in ORIGIN_KEYS}


def keys_of(vector: dict[str, Any]) -> recover.Keys:
    origin = [ORIGIN_KEYS[name].public_key() for name in vector["origin_keys"]]
    keys = recover.ring_of([KEKS[name] for name in vector["keks"]], origin)
    return replace(keys, weakest=vector.get("weakest_type", keys.weakest))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_script_answers_as_the_vector_says(vector: dict[str, Any]) -> None:
    vector, released = dict(vector), bytearray()
    try:
        read(vector, released)
        answer = None
    except recover.NotOpened as error:
        answer = type(error).__name__
    assert answer == vector["error"]
    assert len(released) == vector["released"]["size"]
    assert hashlib.sha256(released).hexdigest() == vector["released"]["sha256"]
    opened = vector.get("opened")
    assert (opened and {name: getattr(opened.metadata, name) for name in MEMBERS}) == vector["metadata"]
