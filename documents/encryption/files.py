"""File to file, with workers that seal or open different chunks at the same time.

AES-GCM, pread and pwrite let go of the interpreter's lock, so two workers use two cores. Chunk i goes to worker
i modulo the number of workers; where each chunk stands is arithmetic (FORMAT.md §2.6).
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from documents.encryption.aead import TAG_SIZE
from documents.encryption.buffers import page_aligned
from documents.encryption.header import DEFAULT_CHUNK_LOG2, MAX_HEADER_SIZE, EnvelopeIds
from documents.encryption.keyring import KeyRing
from documents.encryption.metadata import Metadata
from documents.encryption.opening import OpenEnvelope, open_header
from documents.encryption.sealing import SealedHeader, seal_header
from documents.encryption.stream import chunk_nonce
from documents.errors import AuthenticationFailed

WORKERS = 2


def seal_file(
    source: Path,
    destination: Path,
    *,
    ids: EnvelopeIds,
    metadata: Metadata,
    key_ring: KeyRing,
    chunk_log2: int = DEFAULT_CHUNK_LOG2,
) -> SealedHeader:
    """Seal ``source`` into ``destination``, which must not exist (FileExistsError) and gets mode 0600.

    The size is the one ``source`` has at the start: what is added meanwhile is not sealed, and where it shrinks OSError
    (EIO) names it. Raises what ``seal_header`` raises, and OSError where a file cannot be read or written. After any
    error ``destination`` is gone. It is not fsynced.
    """
    sealed = seal_header(ids, metadata, key_ring, chunk_log2=chunk_log2)
    cipher, shape = sealed.body_cipher(), sealed.geometry
    with _reading(source) as reading, _creating(destination) as writing:
        size = os.fstat(reading).st_size
        count = shape.chunk_count(shape.object_size(size))
        _write_fully(writing, memoryview(sealed.header), 0)

        def seal(indexes: Iterator[int]) -> None:
            plaintext, out = page_aligned(shape.chunk_size), page_aligned(shape.stride)
            for index in indexes:
                start = index * shape.chunk_size
                length = min(shape.chunk_size, size - start)
                if _read_fully(reading, plaintext[:length], start) < length:
                    shrunk = f"shrank below {size:,} bytes while it was sealed"
                    raise OSError(errno.EIO, shrunk, str(source))
                nonce = chunk_nonce(index, last=index == count - 1)
                cipher.seal_into(nonce, plaintext[:length], out[: length + TAG_SIZE])
                _write_fully(writing, out[: length + TAG_SIZE], shape.header_size + index * shape.stride)

        _share_out(count, seal)
    return sealed


def open_file(
    source: Path,
    destination: Path,
    *,
    key_ring: KeyRing,
    expected: EnvelopeIds | None,
    key_blocks: Sequence[bytes] = (),
) -> OpenEnvelope:
    """Open ``source`` into ``destination``, which must not exist (FileExistsError) and gets mode 0600.

    Raises what ``open_header`` and ``OpenEnvelope.open_chunks`` raise, and OSError where a file cannot be read or
    written; after any error ``destination`` is gone. It holds the content as sealed: a content coding is not undone. It
    is not fsynced.
    """
    with _reading(source) as reading:
        envelope = open_header(
            os.pread(reading, MAX_HEADER_SIZE, 0), key_ring, expected=expected, key_blocks=key_blocks
        )
        cipher, shape = envelope.body_cipher(), envelope.geometry
        size = os.fstat(reading).st_size
        count = shape.chunk_count(size)

        def open_chunks(indexes: Iterator[int]) -> None:
            sealed, out = page_aligned(shape.stride), page_aligned(shape.chunk_size)
            for index in indexes:
                start = shape.header_size + index * shape.stride
                length = min(shape.stride, size - start)
                if _read_fully(reading, sealed[:length], start) < length:
                    raise AuthenticationFailed("The object ends before its last chunk.")
                nonce = chunk_nonce(index, last=index == count - 1)
                cipher.open_into(nonce, sealed[:length], out[: length - TAG_SIZE])
                _write_fully(writing, out[: length - TAG_SIZE], index * shape.chunk_size)

        with _creating(destination) as writing:
            _share_out(count, open_chunks)
    return envelope


def _share_out(count: int, work: Callable[[Iterator[int]], None]) -> None:
    """Run ``work`` in each worker on its share of the chunks; the first error stops the others and is raised."""
    stop = Event()

    def share(worker: int) -> None:
        work(index for index in range(worker, count, WORKERS) if not stop.is_set())

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="envelope") as pool:
        shares = [pool.submit(share, worker) for worker in range(WORKERS)]
        try:
            wait(shares, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    for done in shares:
        done.result()


@contextmanager
def _reading(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _creating(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _read_fully(descriptor: int, view: memoryview, offset: int) -> int:
    filled = 0
    while filled < len(view) and (count := os.preadv(descriptor, [view[filled:]], offset + filled)):
        filled += count
    return filled


def _write_fully(descriptor: int, view: memoryview, offset: int) -> None:
    while len(view):
        count = os.pwrite(descriptor, view, offset)
        view, offset = view[count:], offset + count
