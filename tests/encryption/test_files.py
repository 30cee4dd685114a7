import os
import random
import stat
from pathlib import Path

import pytest

from documents.encryption.files import open_file, seal_file
from documents.errors import AuthenticationFailed, EncryptionError, MalformedEnvelope
from tests.encryption.keys import RING
from tests.encryption.objects import CHUNK, METADATA, new_ids, opened, sealed

DOCUMENT = random.Random(5).randbytes(5 * CHUNK + 9)  # noqa: S311
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, len(DOCUMENT))


@pytest.mark.parametrize("size", SIZES)
def test_a_file_sealed_by_workers_opens_as_a_stream(tmp_path: Path, size: int) -> None:
    source, stored, ids = tmp_path / "plain", tmp_path / "sealed", new_ids()
    source.write_bytes(DOCUMENT[:size])
    header = seal_file(source, stored, ids=ids, metadata=METADATA, key_ring=RING, chunk_log2=12)
    assert opened(stored.read_bytes(), expected=ids) == DOCUMENT[:size]
    assert stored.read_bytes().startswith(header.header)
    assert stored.stat().st_size == header.geometry.object_size(size)
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_opens_as_a_file(tmp_path: Path, size: int) -> None:
    source, plain, ids = tmp_path / "sealed", tmp_path / "plain", new_ids()
    source.write_bytes(sealed(DOCUMENT[:size], ids=ids))
    envelope = open_file(source, plain, key_ring=RING, expected=ids)
    assert plain.read_bytes() == DOCUMENT[:size]
    assert envelope.metadata == METADATA
    assert stat.S_IMODE(plain.stat().st_mode) == 0o600


@pytest.mark.parametrize("offset", [0, 200, 4_096, 4_096 + 2 * CHUNK, -1])
def test_a_damaged_file_leaves_nothing_behind(tmp_path: Path, offset: int) -> None:
    source, plain = tmp_path / "sealed", tmp_path / "plain"
    damaged = bytearray(sealed(DOCUMENT))
    damaged[offset] ^= 1
    source.write_bytes(damaged)
    with pytest.raises(EncryptionError):
        open_file(source, plain, key_ring=RING, expected=None)
    assert not plain.exists()


def test_a_cut_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    source, plain = tmp_path / "sealed", tmp_path / "plain"
    source.write_bytes(sealed(DOCUMENT)[: 4_096 + CHUNK + 16 + 16])
    with pytest.raises(MalformedEnvelope):
        open_file(source, plain, key_ring=RING, expected=None)
    assert not plain.exists()


def test_an_existing_destination_is_kept(tmp_path: Path) -> None:
    source, there = tmp_path / "plain", tmp_path / "there"
    source.write_bytes(sealed(DOCUMENT))
    there.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        seal_file(source, there, ids=new_ids(), metadata=METADATA, key_ring=RING)
    with pytest.raises(FileExistsError):
        open_file(source, there, key_ring=RING, expected=None)
    assert there.read_bytes() == b"precious"


def shrinks_when_written(monkeypatch: pytest.MonkeyPatch, source: Path, size: int) -> None:
    """Cut ``source`` at the first write to the destination, as another process might."""
    write = os.pwrite

    def cut_and_write(descriptor: int, data: memoryview, offset: int) -> int:
        os.truncate(source, size)
        return write(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", cut_and_write)


def test_a_source_that_shrinks_while_it_is_sealed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, stored = tmp_path / "plain", tmp_path / "sealed"
    source.write_bytes(DOCUMENT)
    shrinks_when_written(monkeypatch, source, 3 * CHUNK)
    with pytest.raises(OSError, match="shrank") as caught:
        seal_file(source, stored, ids=new_ids(), metadata=METADATA, key_ring=RING, chunk_log2=12)
    assert caught.value.filename == str(source)
    assert not stored.exists()


def test_an_object_that_shrinks_while_it_is_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, plain = tmp_path / "sealed", tmp_path / "plain"
    source.write_bytes(sealed(DOCUMENT))
    shrinks_when_written(monkeypatch, source, 4_096 + 3 * CHUNK)
    with pytest.raises(AuthenticationFailed, match="ends before"):
        open_file(source, plain, key_ring=RING, expected=None)
    assert not plain.exists()
