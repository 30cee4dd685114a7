"""Where chunks stand: arithmetic alone (FORMAT.md §2.6, §7.2)."""

from dataclasses import dataclass
from typing import NamedTuple

from documents.encryption.aead import TAG_SIZE
from documents.errors import MalformedEnvelope

MAX_CHUNKS = 2**32


class ObjectRange(NamedTuple):
    """Bytes ``start`` up to, not including, ``stop`` of the object, beginning with chunk ``first_chunk``."""

    start: int
    stop: int
    first_chunk: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """The shape of one envelope; all sizes in bytes."""

    header_size: int
    chunk_size: int

    @property
    def stride(self) -> int:
        """From the start of one sealed chunk to the next."""
        return self.chunk_size + TAG_SIZE

    def chunk_count(self, object_size: int) -> int:
        """How many chunks an object of this size has. Raises MalformedEnvelope where none has this size."""
        body = object_size - self.header_size
        count = -(-body // self.stride)
        shortest_last = TAG_SIZE if count <= 1 else TAG_SIZE + 1
        if body < TAG_SIZE or count > MAX_CHUNKS or body - (count - 1) * self.stride < shortest_last:
            raise MalformedEnvelope(f"An envelope with this header cannot have {object_size:,} bytes.")
        return count

    def plaintext_size(self, object_size: int) -> int:
        """Bytes of plaintext in an object of this size. Raises MalformedEnvelope where none has this size."""
        return object_size - self.header_size - TAG_SIZE * self.chunk_count(object_size)

    def object_size(self, plaintext_size: int) -> int:
        """Bytes of the whole object for this much plaintext."""
        count = max(1, -(-plaintext_size // self.chunk_size))
        return self.header_size + plaintext_size + TAG_SIZE * count

    def object_range(self, start: int, stop: int, object_size: int) -> ObjectRange:
        """Where the chunks are that cover plaintext ``start`` up to, not including, ``stop``.

        Raises MalformedEnvelope for an impossible size, ValueError for a range that is empty (save the whole of an
        empty document) or lies outside the plaintext.
        """
        size = self.plaintext_size(object_size)
        if not (0 <= start < stop <= size or start == stop == size == 0):
            raise ValueError(f"no plaintext from {start} to {stop} in a document of {size} bytes")
        first, after = start // self.chunk_size, max(1, -(-stop // self.chunk_size))
        return ObjectRange(
            start=self.header_size + first * self.stride,
            stop=min(self.header_size + after * self.stride, object_size),
            first_chunk=first,
        )
