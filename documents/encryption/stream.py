"""The body: chunks, sealed and opened one by one in reused buffers (FORMAT.md §2.6, §7.2, §7.3)."""

from collections.abc import Iterator
from typing import Protocol

from documents.encryption.aead import TAG_SIZE, Aead, Buffer
from documents.encryption.buffers import page_aligned
from documents.encryption.geometry import MAX_CHUNKS, Geometry
from documents.errors import AuthenticationFailed, MalformedEnvelope


class Reader(Protocol):
    """What chunks are read from: fills as much of ``buffer`` as it can and returns the count; 0 means the end."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill from the start of ``buffer``, at least one byte unless this is the end. None counts as the end."""


def chunk_nonce(index: int, *, last: bool) -> bytes:
    """Eleven bytes of index and one that says whether this is the last chunk; never the same twice in a body."""
    if index >= MAX_CHUNKS:
        raise MalformedEnvelope(f"An envelope has at most {MAX_CHUNKS:,} chunks.")
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class BodyWriter:
    """Cuts what it is given into chunks and seals them, holding one chunk back: only ``finish`` knows the last.

    The views it hands out show one reused buffer; each is valid until the next is asked for.
    """

    def __init__(self, cipher: Aead, chunk_size: int) -> None:
        self._cipher, self._chunk_size = cipher, chunk_size
        self._held = memoryview(bytearray(chunk_size))
        self._sealed = memoryview(bytearray(chunk_size + TAG_SIZE))
        self._filled = self._index = 0

    def update(self, data: Buffer) -> Iterator[memoryview]:
        """Yield the chunks that became full before the last byte of ``data``."""
        view = memoryview(data).cast("B")
        while len(view):
            if self._filled == self._chunk_size:
                yield self._seal(self._held, last=False)
                self._filled = 0
            elif not self._filled and len(view) > self._chunk_size:
                yield self._seal(view[: self._chunk_size], last=False)  # whole chunks need no copy
                view = view[self._chunk_size :]
            else:
                count = min(self._chunk_size - self._filled, len(view))
                self._held[self._filled : self._filled + count] = view[:count]
                self._filled += count
                view = view[count:]

    def finish(self) -> memoryview:
        """The last chunk; empty but for its tag where nothing was written."""
        return self._seal(self._held[: self._filled], last=True)

    def _seal(self, plaintext: memoryview, *, last: bool) -> memoryview:
        out = self._sealed[: len(plaintext) + TAG_SIZE]
        self._cipher.seal_into(chunk_nonce(self._index, last=last), plaintext, out)
        self._index += 1
        return out


def open_body(
    reader: Reader, cipher: Aead, geometry: Geometry, *, object_size: int, start: int, stop: int
) -> Iterator[memoryview]:
    """Yield plaintext ``start`` up to, not including, ``stop``, each chunk after its tag verified.

    ``reader`` stands at ``geometry.object_range(start, stop, object_size).start``. The views show one reused buffer;
    each is valid until the next is asked for. Raises AuthenticationFailed where a tag is wrong, bytes are missing, or
    something follows the last chunk.
    """
    covering = geometry.object_range(start, stop, object_size)
    count = geometry.chunk_count(object_size)
    span = min(geometry.stride, covering.stop - covering.start)
    sealed, opened = page_aligned(span), page_aligned(span - TAG_SIZE)
    position, index = covering.start, covering.first_chunk
    while position < covering.stop:
        size = min(geometry.stride, covering.stop - position)
        if read_fully(reader, sealed[:size]) < size:
            raise AuthenticationFailed("The object ends before its last chunk.")
        plaintext = opened[: size - TAG_SIZE]
        cipher.open_into(chunk_nonce(index, last=index == count - 1), sealed[:size], plaintext)
        if index == count - 1 and reader.readinto(sealed[:1]):
            plaintext[:] = bytes(len(plaintext))
            raise AuthenticationFailed("Something follows the last chunk of the object.")
        offset = index * geometry.chunk_size
        yield plaintext[max(0, start - offset) : stop - offset]
        position, index = position + size, index + 1


def read_fully(reader: Reader, view: memoryview) -> int:
    """Read until ``view`` is full or the reader ends; the count tells which."""
    filled = 0
    while filled < len(view) and (count := reader.readinto(view[filled:])):
        filled += count
    return filled
