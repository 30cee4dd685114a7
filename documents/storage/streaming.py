"""What every provider does alike with its writers, readers and ranges."""

from collections.abc import Iterable

from documents.errors import RangeNotSatisfiable
from documents.storage.base import Buffer, ObjectReader, ObjectRef, ObjectWriter

_READ_SIZE = 1024 * 1024


def write_all(writer: ObjectWriter, chunks: Iterable[Buffer]) -> ObjectRef:
    """Write and commit. Where ``chunks`` or the writer raises, nothing is left and the error goes on to the caller."""
    with writer:
        for chunk in chunks:
            writer.write(chunk)
        return writer.commit()


def read_up_to(reader: ObjectReader, size: int) -> bytes:
    """What ``ObjectReader.read`` promises, by means of ``readinto``: -1 reads to the end, else up to ``size`` bytes."""
    pieces = bytearray()
    while size < 0 or len(pieces) < size:
        piece = bytearray(_READ_SIZE if size < 0 else min(_READ_SIZE, size - len(pieces)))
        count = reader.readinto(piece)
        if not count:
            break
        pieces += memoryview(piece)[:count]
    return bytes(pieces)


def end_of_range(size: int, start: int, length: int | None, *, provider: str, key: str) -> int:
    """Where a read of an object of ``size`` bytes ends: a range is cut at the end of the object.

    Raises RangeNotSatisfiable where the range holds no byte of the object (RFC 9110 section 14.1.2). The whole of an
    empty object (``start`` 0, no ``length``) is not a range and can be read.
    """
    check_range(start, length, provider=provider, key=key)
    is_whole = start == 0 and length is None
    if start >= size and not is_whole:
        raise RangeNotSatisfiable(f"Byte {start:,} is beyond the {size:,} of the object", provider=provider, key=key)
    return size if length is None else min(size, start + length)


def check_range(start: int, length: int | None, *, provider: str, key: str) -> None:
    """Raises RangeNotSatisfiable for a range that no object has."""
    if start < 0 or (length is not None and length < 1):
        raise RangeNotSatisfiable(
            f"A range of {length} bytes from byte {start} cannot be read", provider=provider, key=key
        )
